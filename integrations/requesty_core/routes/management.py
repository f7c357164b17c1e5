"""What the management API answers.

Money is ``Decimal`` USD: key routes send decimal strings, group routes numbers, and both are read. Every result keeps
the object as received in ``raw``, because the published shapes change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from requesty_core.errors import MalformedResponseError
from requesty_core.money.usage import count, money
from requesty_core.replies.received import ReceivedResponse

__all__ = [
    "KINDS",
    "AccessList",
    "ApiKeyInfo",
    "Group",
    "Member",
    "NewApiKey",
    "Organization",
    "UsagePeriod",
    "read_access_list",
    "read_access_lists",
    "read_group",
    "read_groups",
    "read_id",
    "read_key",
    "read_keys",
    "read_members",
    "read_new_key",
    "read_nothing",
    "read_organization",
    "read_usage",
]


@dataclass(frozen=True, slots=True)
class ApiKeyInfo:
    """A key as management shows it; never the secret. A ``monthly_limit`` of 0 means no limit."""

    id: str
    name: str | None = None
    monthly_limit: Decimal | None = None
    monthly_spend: Decimal | None = None
    permissions: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    expires_at: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key just made. ``secret`` is shown by the gateway this once, and kept out of ``repr``."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an organisation or group."""

    id: str | None
    email: str | None = None
    role: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Group:
    """A group of members with a common limit."""

    id: str
    name: str | None = None
    monthly_limit: Decimal | None = None
    monthly_spend: Decimal | None = None
    members_count: int | None = None
    members: Sequence[Member] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class AccessList:
    """Models a group or organisation may use, by kind of route."""

    id: str
    name: str | None = None
    auto_approve: bool | None = None
    models: Mapping[str, Sequence[str]] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Organization:
    """The key's organisation. ``balance`` is ``None`` where the gateway does not tell it."""

    name: str | None
    balance: Decimal | None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class UsagePeriod:
    """Usage in one period (its start as sent: a timestamp or a date). ``groups`` holds the same per group value."""

    period: str
    total_requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    spend: Decimal | None = None
    group: Mapping[str, Any] = field(default_factory=dict)
    groups: Sequence[UsagePeriod] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


# Reading


def _object(received: ReceivedResponse) -> Mapping[str, Any]:
    if not received.content.strip():
        return {}
    body = received.json()
    if not isinstance(body, dict):
        raise MalformedResponseError("the answer is JSON but not a management answer; check management_url")
    return body


def read_nothing(received: ReceivedResponse) -> None:
    """Writes answer with any 2xx and possibly no body."""


def _entries(body: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = body.get(key)
    return [e for e in value if isinstance(e, dict)] if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _key(entry: Mapping[str, Any]) -> ApiKeyInfo:
    return ApiKeyInfo(
        id=str(entry.get("id", "")),
        name=entry.get("name"),
        monthly_limit=money(entry.get("monthly_limit")),
        monthly_spend=money(entry.get("monthly_spend")),
        permissions=_mapping(entry.get("permissions")),
        labels=_mapping(entry.get("labels")),
        expires_at=entry.get("expires_at"),
        raw=entry,
    )


def _member(entry: Mapping[str, Any]) -> Member:
    return Member(entry.get("id") or entry.get("user_id"), entry.get("email"), entry.get("role"), entry)


def _group(entry: Mapping[str, Any]) -> Group:
    return Group(
        id=str(entry.get("id", "")),
        name=entry.get("name"),
        monthly_limit=money(entry.get("monthly_limit")),
        monthly_spend=money(entry.get("monthly_spend")),
        members_count=count(entry["members_count"]) if "members_count" in entry else None,
        members=[_member(m) for m in _entries(entry, "members")],
        raw=entry,
    )


KINDS = ("chat", "embedding", "image", "transcription", "speech")


def _access_list(entry: Mapping[str, Any]) -> AccessList:
    models = {kind: entry[kind] for kind in KINDS if isinstance(entry.get(kind), list)}
    return AccessList(str(entry.get("id", "")), entry.get("name"), entry.get("auto_approve"), models, entry)


def _period(period: str, entry: Mapping[str, Any]) -> UsagePeriod:
    return UsagePeriod(
        period=period,
        total_requests=count(entry.get("total_requests")),
        input_tokens=count(entry.get("input_tokens")),
        output_tokens=count(entry.get("output_tokens")),
        total_tokens=count(entry.get("total_tokens")),
        spend=money(entry.get("spend")),
        group=_mapping(entry.get("group_by_values")),
        groups=[_period(period, e) for e in _entries(entry, "grouped_data")],
        raw=entry,
    )


# Answers


def read_usage(received: ReceivedResponse) -> list[UsagePeriod]:
    """Usage by period, in order."""
    periods = _mapping(_object(received).get("usage"))
    return [_period(p, e) for p, e in sorted(periods.items()) if isinstance(e, dict)]


def read_id(name: str) -> Callable[[ReceivedResponse], str]:
    """A reader of the id under ``name``."""

    def read(received: ReceivedResponse) -> str:
        value = _object(received).get(name)
        if not isinstance(value, str) or not value:
            raise MalformedResponseError(f"the answer has no {name!r}")
        return value

    return read


def read_keys(received: ReceivedResponse) -> list[ApiKeyInfo]:
    """Every key."""
    return [_key(entry) for entry in _entries(_object(received), "keys")]


def read_key(received: ReceivedResponse) -> ApiKeyInfo:
    """One key."""
    return _key(_object(received))


def read_new_key(received: ReceivedResponse) -> NewApiKey:
    """A key just made."""
    return NewApiKey(read_id("api_key_id")(received), read_id("api_key")(received))


def read_groups(received: ReceivedResponse) -> list[Group]:
    """Every group."""
    return [_group(entry) for entry in _entries(_object(received), "groups")]


def read_group(received: ReceivedResponse) -> Group:
    """One group."""
    return _group(_mapping(_object(received).get("group")))


def read_access_lists(received: ReceivedResponse) -> list[AccessList]:
    """Every access list."""
    return [_access_list(entry) for entry in _entries(_object(received), "access_lists")]


def read_access_list(received: ReceivedResponse) -> AccessList:
    """One access list."""
    return _access_list(_mapping(_object(received).get("access_list")))


def read_organization(received: ReceivedResponse) -> Organization:
    """The organisation."""
    body = _object(received)
    return Organization(body.get("name"), money(body.get("balance")), body)


def read_members(received: ReceivedResponse) -> list[Member]:
    """Members. The shape is not published: a list, or one under ``members``, is read."""
    body = received.json()
    entries = body if isinstance(body, list) else _entries(_mapping(body), "members")
    return [_member(entry) for entry in entries if isinstance(entry, dict)]
