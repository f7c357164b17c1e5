"""Everything the emulated gateway keeps: keys, limits, ledger, groups, access lists, feedback, policies."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from requesty_emulator.errors import GatewayError
from requesty_emulator.gateway.accounts import Accounts
from requesty_emulator.gateway.billing import PromptCache
from requesty_emulator.gateway.policy import Policy
from requesty_emulator.gateway.records import now
from requesty_emulator.gateway.settings import Settings
from requesty_emulator.models.model import Model

_LEVELS = {"none": 0, "read": 1, "write": 2}


@dataclass(slots=True)
class Key:
    """An API key. ``monthly_limit`` 0 is uncapped; ``models`` None means no list of its own."""

    id: str
    secret: str
    name: str
    monthly_limit: Decimal = Decimal(0)
    permissions: dict[str, str] = field(default_factory=lambda: {"manage": "none", "completions": "write"})
    labels: dict[str, str] = field(default_factory=dict)
    expires_at: datetime | None = None
    group_id: str | None = None
    models: frozenset[str] | None = None
    logging: bool = True
    restricted: bool = False

    @property
    def expired(self) -> bool:
        """Whether the key's time is over; an expired key cannot be revived (documented)."""
        return self.expires_at is not None and self.expires_at <= now()

    def may(self, scope: str, level: str) -> bool:
        """Whether the key holds at least ``level`` (none, read, write) of ``scope`` (manage, completions)."""
        return _LEVELS.get(self.permissions.get(scope, "none"), 0) >= _LEVELS[level]


@dataclass(slots=True)
class Member:
    """One person of a group."""

    id: str
    email: str
    role: str = "member"
    monthly_limit: float | None = None


@dataclass(slots=True)
class Group:
    """A team with a shared budget; ``access_list_id`` restricts its models."""

    id: str
    name: str
    monthly_limit: float | None = None
    members: dict[str, Member] = field(default_factory=dict)
    access_list_id: str | None = None
    created_at: datetime = field(default_factory=now)


@dataclass(slots=True)
class AccessList:
    """A named list of approved models per kind of call."""

    id: str
    name: str
    auto_approve: bool = False
    models: dict[str, list[str]] = field(default_factory=dict)


class State:
    """Mutable state behind one emulator; locked, because tests change it from their own thread."""

    def __init__(self, settings: Settings, seed: int, api_key: str | None) -> None:
        self.settings = settings
        self.seed = seed
        self.lock = threading.RLock()
        digest = blake2b(f"emulator:{seed}".encode(), digest_size=16).hexdigest()
        self.root_secret = api_key or f"rqsty-sk-{digest}"
        self._counter = 0
        self._restore()

    def _restore(self) -> None:
        self.keys: dict[str, Key] = {}
        self.groups: dict[str, Group] = {}
        self.access_lists: dict[str, AccessList] = {}
        self.org_access_list: str | None = None
        self.org_name = "Emulated organisation"
        self.restricted = False
        self.policies: dict[str, Policy] = {}
        self.models: dict[str, Model] = {}
        self.accounts = Accounts(self.settings)
        self.feedback: dict[str, dict[str, Any]] = {}
        self.response_ids: set[str] = set()
        self.conversations: dict[str, list[dict[str, Any]]] = {}
        self.prompt_cache = PromptCache(self.settings.cache_min_tokens)
        self.add_key(
            "default",
            secret=self.root_secret,
            permissions={"manage": "write", "completions": "write"},
            key_id="key-root",
        )

    def reset(self) -> None:
        """Back to the state after start: one key, nothing billed."""
        with self.lock:
            self._restore()

    def clear_ledger(self) -> None:
        """Forget what was billed and cached, keep keys and groups."""
        with self.lock:
            self.accounts.clear()
            self.prompt_cache.clear()
            self.feedback.clear()

    def new_id(self) -> str:
        """A UUID that depends only on the seed and on how many were made before."""
        with self.lock:
            self._counter += 1
            digest = blake2b(f"{self.seed}:{self._counter}".encode(), digest_size=16).digest()
        return str(uuid.UUID(bytes=digest, version=4))

    # keys

    def add_key(
        self,
        name: str,
        *,
        secret: str | None = None,
        monthly_limit: Decimal | float | str = 0,
        permissions: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        expires_at: datetime | None = None,
        models: Iterable[str] | None = None,
        group_id: str | None = None,
        key_id: str | None = None,
    ) -> Key:
        """Create a key; ``secret`` is generated unless given."""
        with self.lock:
            identity = key_id or self.new_id()
            key = Key(
                id=identity,
                secret=secret or f"rqsty-sk-{self.new_id().replace('-', '')}",
                name=name,
                monthly_limit=Decimal(str(monthly_limit)),
                labels=dict(labels or {}),
                expires_at=expires_at,
                models=None if models is None else frozenset(models),
                group_id=group_id,
            )
            if permissions is not None:
                key.permissions = {"manage": "none", "completions": "none", **permissions}
            self.keys[identity] = key
            return key

    def authenticate(self, headers: Mapping[str, str], *, x_api_key: bool = False) -> Key:
        """The key of a request: 401 without one, 403 for an unknown or expired one (documented, seen on the wire)."""
        header = headers.get("authorization", "")
        scheme, _, secret = header.partition(" ")
        secret = secret.strip() if scheme.lower() == "bearer" else ""
        if not secret and x_api_key:
            secret = headers.get("x-api-key", "").strip()
        if not secret:
            raise GatewayError(401)
        key = self.key_by_secret(secret)
        if key is None or key.expired:
            raise GatewayError(403)
        if self.restricted or key.restricted:
            raise GatewayError(403, "Your account has been restricted")
        return key

    def key_by_secret(self, secret: str) -> Key | None:
        """The key with this secret."""
        with self.lock:
            return next((key for key in self.keys.values() if key.secret == secret), None)

    # money

    def check_money(self, key: Key) -> None:
        """402 when the organisation is out of credit, 412 when a monthly limit is reached (documented)."""
        balance = self.settings.balance
        if balance is not None and self.accounts.totals.billed >= balance:
            raise GatewayError(402)
        if key.monthly_limit and self.accounts.monthly_spend("key", key.id) >= key.monthly_limit:
            raise GatewayError(412)
        group = self.groups.get(key.group_id or "")
        if (
            group
            and group.monthly_limit
            and self.accounts.monthly_spend("group", group.id) >= Decimal(str(group.monthly_limit))
        ):
            raise GatewayError(412, "Reached monthly spend limit for group")

    # models

    def approved(self, key: Key, kind: str = "chat") -> frozenset[str] | None:
        """Model ids the key may use, ``None`` for all: its own list, else its group's, else the organisation's."""
        if key.models is not None:
            return key.models
        group = self.groups.get(key.group_id or "")
        for list_id in (group.access_list_id if group else None, self.org_access_list):
            found = self.access_lists.get(list_id or "")
            if found is not None:
                return None if found.auto_approve else frozenset(found.models.get(kind, ()))
        return None

    def check_model(self, key: Key, model_id: str, kind: str = "chat") -> None:
        """403 "Provider blocked by policy" for a model outside the key's approved list (documented)."""
        approved = self.approved(key, kind)
        if approved is not None and model_id not in approved:
            raise GatewayError(403, "Provider blocked by policy")
