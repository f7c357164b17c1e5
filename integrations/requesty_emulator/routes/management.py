"""Keys and the organisation of the management API (docs/contract.md, section 12)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from requesty_emulator.errors import GatewayError, bad_request
from requesty_emulator.gateway.call import Call
from requesty_emulator.gateway.delivery import Reply
from requesty_emulator.gateway.routing import take_plain
from requesty_emulator.gateway.state import Key
from requesty_emulator.routes.usage_report import KEY_GROUPS, ORG_GROUPS, money, usage_report
from requesty_emulator.validation import checks

_CREATOR = {"id": "user-root", "email": "owner@example.com"}
#: Largest amount in USD and most characters of one.
_MOST = 10**12
_DIGITS = 40
_LEVELS = ("none", "read", "write")

ManageHandler = Callable[[Call], Awaitable[Reply]]


def guarded(level: str, handler: ManageHandler) -> ManageHandler:
    """A handler behind the ``manage`` permission (403 "manage read permission required" without it)."""

    async def checked(call: Call) -> Reply:
        call.authenticate(scope="manage", level=level)
        take_plain(call)
        return await handler(call)

    return checked


async def auth_check(call: Call) -> Reply:
    """``GET /v1/auth/check``: 200 for any valid key."""
    call.authenticate(level="none")
    take_plain(call)
    return Reply({"status": "ok"})


def amount(value: object, where: str) -> Decimal:
    """Money sent as a number or a decimal string (both occur)."""
    if not isinstance(value, str):
        return Decimal(str(checks.number(value, where, 0, _MOST)))
    try:
        parsed = Decimal(value)
    except ArithmeticError as exc:
        raise bad_request(f"{where} must be a decimal number, not {value!r}") from exc
    if not parsed.is_finite() or not 0 <= parsed <= _MOST or len(value) > _DIGITS or parsed.adjusted() < -_DIGITS:
        raise bad_request(f"{where} must be a number from 0 to {_MOST}, not {value!r}"[:300])
    return parsed


def _find(call: Call) -> Key:
    identity = call.params["id"]
    assert call.key is not None
    key = call.key if identity == "self" else call.core.state.keys.get(identity)
    if key is None:
        raise GatewayError(404, f"API key {identity} not found", "router")
    return key


def _shape(call: Call, key: Key) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": key.id,
        "name": key.name,
        "monthly_limit": money(key.monthly_limit),
        "monthly_spend": money(call.core.state.accounts.monthly_spend("key", key.id)),
        "permissions": dict(key.permissions),
    }
    if key.group_id:
        body["group"] = {"id": key.group_id}
    return body


async def list_keys(call: Call) -> Reply:
    """``GET /v1/manage/apikey``."""
    keys = list(call.core.state.keys.values())
    return Reply({"keys": [{**_shape(call, key), "labels": key.labels, "created_by": _CREATOR} for key in keys]})


async def create_key(call: Call) -> Reply:
    """``POST /v1/manage/apikey``: the secret is shown this once."""
    body = call.json()
    name = checks.string(checks.required(body, "name"), "name", empty=False)
    limit = amount(body["monthly_limit"], "monthly_limit") if body.get("monthly_limit") is not None else Decimal(0)
    permissions = None
    if body.get("permissions") is not None:
        permissions = {}
        for scope, level in checks.obj(body["permissions"], "permissions").items():
            checks.one_of(scope, "permissions", ("manage", "completions"))
            permissions[scope] = checks.one_of(level, f"permissions.{scope}", _LEVELS)
    key = call.core.state.add_key(name, monthly_limit=limit, permissions=permissions)
    return Reply({"api_key_id": key.id, "api_key": key.secret})


async def get_key(call: Call) -> Reply:
    """``GET /v1/manage/apikey/{id or self}``."""
    key = _find(call)
    return Reply({**_shape(call, key), "logging": key.logging})


async def delete_key(call: Call) -> Reply:
    """``DELETE /v1/manage/apikey/{id}``."""
    key = _find(call)
    call.core.state.keys.pop(key.id, None)
    return Reply(status=204)


async def set_limit(call: Call) -> Reply:
    """``POST …/limit``: 0 is uncapped."""
    key = _find(call)
    key.monthly_limit = amount(checks.required(call.json(), "monthly_limit"), "monthly_limit")
    return Reply(status=204)


async def set_labels(call: Call) -> Reply:
    """``POST …/label``: replaces all labels."""
    key = _find(call)
    labels = checks.obj(checks.required(call.json(), "labels"), "labels")
    key.labels = {name: checks.string(value, f"labels.{name}") for name, value in labels.items()}
    return Reply(status=204)


async def set_expiry(call: Call) -> Reply:
    """``POST …/expiry``: RFC 3339 or null; an expired key cannot be revived (documented)."""
    key = _find(call)
    body = call.json()
    if "expires_at" not in body:
        raise bad_request("missing required field 'expires_at'")
    if key.expired:
        raise bad_request("an expired key cannot be revived")
    key.expires_at = None if body["expires_at"] is None else _moment(body["expires_at"])
    return Reply(status=204)


def _moment(value: object) -> datetime:
    text = checks.string(value, "expires_at")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise bad_request(f"expires_at must be an RFC 3339 time, not {text!r}") from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def key_usage(call: Call) -> Reply:
    """``GET …/usage`` of one key."""
    key = _find(call)
    entries = [entry for entry in call.core.state.accounts.all() if entry.key_id == key.id]
    return Reply(usage_report(call, entries, KEY_GROUPS))


async def get_org(call: Call) -> Reply:
    """``GET /v1/manage/org``; ``balance`` only when one is set."""
    body: dict[str, Any] = {"name": call.core.state.org_name}
    if call.settings.balance is not None:
        body["balance"] = float(max(Decimal(0), call.settings.balance - call.core.state.accounts.totals.billed))
    return Reply(body)


async def org_usage(call: Call) -> Reply:
    """``GET /v1/manage/org/usage``."""
    return Reply(usage_report(call, call.core.state.accounts.all(), ORG_GROUPS))


async def org_members(call: Call) -> Reply:
    """``GET /v1/manage/org/member``; the shape is not published, this one follows the group members."""
    return Reply({"members": [{**_CREATOR, "role": "admin", "active": True}]})
