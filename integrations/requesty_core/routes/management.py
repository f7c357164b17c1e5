"""The management API (documented as an enterprise feature; the key needs the ``manage`` permission).

Money is ``Decimal`` USD: key routes send decimal strings, group routes numbers, and both are read. Every result keeps
the object as received in ``raw``, because the published shapes change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar

from requesty_core.calls.settings import ClientSettings
from requesty_core.errors import ConfigurationError, MalformedResponseError
from requesty_core.money.usage import count, money
from requesty_core.replies.received import ReceivedResponse

from .call import (
    ApiCall,
    AsyncEndpoint,
    AsyncResource,
    AsyncRunner,
    Resource,
    SyncEndpoint,
    SyncRunner,
    api_call,
    path_join,
)

__all__ = [
    "AccessList",
    "ApiKeyInfo",
    "AsyncManagement",
    "Group",
    "Management",
    "Member",
    "NewApiKey",
    "Organization",
    "UsagePeriod",
]

T = TypeVar("T")
Permission = Literal["none", "read", "write"]
Resolution = Literal["hour", "day", "month"]
Moment = datetime | date | str


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


def _nothing(received: ReceivedResponse) -> None:
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


_KINDS = ("chat", "embedding", "image", "transcription", "speech")


def _access_list(entry: Mapping[str, Any]) -> AccessList:
    models = {kind: entry[kind] for kind in _KINDS if isinstance(entry.get(kind), list)}
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


def _usage(received: ReceivedResponse) -> list[UsagePeriod]:
    periods = _mapping(_object(received).get("usage"))
    return [_period(p, e) for p, e in sorted(periods.items()) if isinstance(e, dict)]


def _id(name: str) -> Callable[[ReceivedResponse], str]:
    def read(received: ReceivedResponse) -> str:
        value = _object(received).get(name)
        if not isinstance(value, str) or not value:
            raise MalformedResponseError(f"the answer has no {name!r}")
        return value

    return read


# Writing


def _amount(value: Decimal | float | str, setting: str) -> Decimal:
    amount = money(value)
    if amount is None or amount < 0:
        raise ConfigurationError(f"{setting}: {value!r} is not an amount; give USD as a number of at least 0")
    return amount


def _moment(value: Moment, setting: str) -> str:
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00Z"
    if isinstance(value, str) and value:
        return value
    raise ConfigurationError(f"{setting}: {value!r} is not a moment; give a datetime, a date or RFC 3339 text")


def _range(
    start: Moment, end: Moment | None, resolution: Resolution | None, group_by: Sequence[str]
) -> list[tuple[str, str]]:
    query = [("start", _moment(start, "start"))]
    if end is not None:
        query.append(("end", _moment(end, "end")))
    if resolution is not None:
        query.append(("resolution", resolution))
    if isinstance(group_by, str):
        group_by = [group_by]
    return [*query, *(("group_by", g) for g in group_by)]


def _url(settings: ClientSettings, *segments: str) -> str:
    return path_join(f"{settings.config.management_url}/v1/manage", *segments)


# Keys


def _list_keys(settings: ClientSettings, /) -> ApiCall[list[ApiKeyInfo]]:
    """Every key of the organisation."""
    return api_call(
        settings, "GET", _url(settings, "apikey"), lambda w: [_key(e) for e in _entries(_object(w), "keys")]
    )


def _create_key(
    settings: ClientSettings,
    /,
    name: str,
    *,
    monthly_limit: Decimal | float | str | None = None,
    permissions: Mapping[str, Permission] | None = None,
) -> ApiCall[NewApiKey]:
    """Make a key. ``permissions`` maps ``manage`` and ``completions`` to none, read or write."""
    body: dict[str, Any] = {"name": name}
    if monthly_limit is not None:
        body["monthly_limit"] = str(_amount(monthly_limit, "monthly_limit"))
    if permissions is not None:
        body["permissions"] = dict(permissions)

    def read(received: ReceivedResponse) -> NewApiKey:
        return NewApiKey(_id("api_key_id")(received), _id("api_key")(received))

    return api_call(settings, "POST", _url(settings, "apikey"), read, body=body)


def _get_key(settings: ClientSettings, /, key_id: str = "self") -> ApiCall[ApiKeyInfo]:
    """One key; ``self`` is the key in use."""
    return api_call(settings, "GET", _url(settings, "apikey", key_id), lambda w: _key(_object(w)))


def _delete_key(settings: ClientSettings, /, key_id: str) -> ApiCall[None]:
    """Delete a key."""
    return api_call(settings, "DELETE", _url(settings, "apikey", key_id), _nothing)


def _limit_key(settings: ClientSettings, /, key_id: str, monthly_limit: Decimal | float | str) -> ApiCall[None]:
    """Set a key's monthly limit in USD; 0 removes it."""
    body = {"monthly_limit": str(_amount(monthly_limit, "monthly_limit"))}
    return api_call(settings, "POST", _url(settings, "apikey", key_id, "limit"), _nothing, body=body)


def _label_key(settings: ClientSettings, /, key_id: str, labels: Mapping[str, str]) -> ApiCall[None]:
    """Replace all labels of a key."""
    return api_call(
        settings, "POST", _url(settings, "apikey", key_id, "label"), _nothing, body={"labels": dict(labels)}
    )


def _expire_key(settings: ClientSettings, /, key_id: str, expires_at: Moment | None) -> ApiCall[None]:
    """Set when a key expires, or ``None`` for never. An expired key cannot be revived (documented)."""
    body = {"expires_at": None if expires_at is None else _moment(expires_at, "expires_at")}
    return api_call(settings, "POST", _url(settings, "apikey", key_id, "expiry"), _nothing, body=body)


def _key_usage(
    settings: ClientSettings,
    key_id: str = "self",
    *,
    start: Moment,
    end: Moment | None = None,
    resolution: Resolution | None = None,
    group_by: Sequence[str] = (),
) -> ApiCall[list[UsagePeriod]]:
    """Usage of a key from ``start`` to ``end`` (default: 24 hours), at most 100 days.

    ``group_by``: ``user_id``, ``model_requested``, ``model_used``, ``extra.FIELD``.
    """
    query = _range(start, end, resolution, group_by)
    return api_call(settings, "GET", _url(settings, "apikey", key_id, "usage"), _usage, query=query)


# Groups


def _list_groups(settings: ClientSettings, /) -> ApiCall[list[Group]]:
    """Every group, without members."""
    return api_call(
        settings, "GET", _url(settings, "group"), lambda w: [_group(e) for e in _entries(_object(w), "groups")]
    )


def _create_group(
    settings: ClientSettings, /, name: str, *, monthly_limit: Decimal | float | str | None = None
) -> ApiCall[str]:
    """Make a group; returns its id."""
    body: dict[str, Any] = {"name": name}
    if monthly_limit is not None:
        body["monthly_limit"] = float(_amount(monthly_limit, "monthly_limit"))
    return api_call(settings, "POST", _url(settings, "group"), _id("group_id"), body=body)


def _get_group(settings: ClientSettings, /, group_id: str) -> ApiCall[Group]:
    """One group with its members."""
    return api_call(
        settings, "GET", _url(settings, "group", group_id), lambda w: _group(_mapping(_object(w).get("group")))
    )


def _delete_group(settings: ClientSettings, /, group_id: str) -> ApiCall[None]:
    """Delete a group."""
    return api_call(settings, "DELETE", _url(settings, "group", group_id), _nothing)


def _add_member(
    settings: ClientSettings, /, group_id: str, user_id: str, role: Literal["admin", "member"] = "member"
) -> ApiCall[None]:
    """Put a member into a group."""
    body = {"user_id": user_id, "role": role}
    return api_call(settings, "POST", _url(settings, "group", group_id, "member"), _nothing, body=body)


def _remove_member(settings: ClientSettings, /, group_id: str, user_id: str) -> ApiCall[None]:
    """Take a member out of a group."""
    return api_call(
        settings, "DELETE", _url(settings, "group", group_id, "member"), _nothing, body={"user_id": user_id}
    )


def _set_role(
    settings: ClientSettings, /, group_id: str, user_id: str, role: Literal["admin", "member"]
) -> ApiCall[None]:
    """Change a member's role. Sources differ on the path; the second is tried where the first does not exist."""
    first = api_call(
        settings, "PUT", _url(settings, "group", group_id, "member", user_id, "role"), _nothing, body={"role": role}
    )
    return first.or_else(
        api_call(
            settings,
            "PUT",
            _url(settings, "group", group_id, "member"),
            _nothing,
            body={"user_id": user_id, "role": role},
        )
    )


# Access lists


def _list_access(settings: ClientSettings, /) -> ApiCall[list[AccessList]]:
    """Every access list."""
    return api_call(
        settings,
        "GET",
        _url(settings, "access-list"),
        lambda w: [_access_list(e) for e in _entries(_object(w), "access_lists")],
    )


def _create_access(
    settings: ClientSettings, /, name: str, *, auto_approve: bool = False, **models: Sequence[str]
) -> ApiCall[str]:
    """Make an access list; ``models`` by kind: chat, embedding, image, transcription, speech. Returns its id."""
    body = {"name": name, "auto_approve": auto_approve, **_kinds(models)}
    return api_call(settings, "POST", _url(settings, "access-list"), _id("id"), body=body)


def _get_access(settings: ClientSettings, /, list_id: str) -> ApiCall[AccessList]:
    """One access list."""
    return api_call(
        settings,
        "GET",
        _url(settings, "access-list", list_id),
        lambda w: _access_list(_mapping(_object(w).get("access_list"))),
    )


def _update_access(
    settings: ClientSettings,
    /,
    list_id: str,
    *,
    name: str | None = None,
    auto_approve: bool | None = None,
    **models: Sequence[str],
) -> ApiCall[None]:
    """Change parts of an access list."""
    named = {"name": name, "auto_approve": auto_approve}
    body = {**{k: v for k, v in named.items() if v is not None}, **_kinds(models)}
    return api_call(settings, "PATCH", _url(settings, "access-list", list_id), _nothing, body=body)


def _delete_access(settings: ClientSettings, /, list_id: str) -> ApiCall[None]:
    """Delete an access list."""
    return api_call(settings, "DELETE", _url(settings, "access-list", list_id), _nothing)


def _kinds(models: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    for kind in models:
        if kind not in _KINDS:
            raise ConfigurationError(f"access list: unknown kind {kind!r}; use {', '.join(_KINDS)}")
    return {kind: list(ids) for kind, ids in models.items()}


# Organisation


def _organization(settings: ClientSettings, /) -> ApiCall[Organization]:
    """The key's organisation."""

    def read(received: ReceivedResponse) -> Organization:
        body = _object(received)
        return Organization(body.get("name"), money(body.get("balance")), body)

    return api_call(settings, "GET", _url(settings, "org"), read)


def _org_usage(
    settings: ClientSettings,
    *,
    start: Moment,
    end: Moment | None = None,
    resolution: Resolution | None = None,
    group_by: Sequence[str] = (),
) -> ApiCall[list[UsagePeriod]]:
    """Usage of the organisation; more ``group_by`` names than a key has: ``group_name``, ``api_key_id``, …"""
    query = _range(start, end, resolution, group_by)
    return api_call(settings, "GET", _url(settings, "org", "usage"), _usage, query=query)


def _members(settings: ClientSettings, /) -> ApiCall[list[Member]]:
    """Members of the organisation. The shape is not published: a list, or one under ``members``, is read."""

    def read(received: ReceivedResponse) -> list[Member]:
        body = received.json()
        entries = body if isinstance(body, list) else _entries(_mapping(body), "members")
        return [_member(e) for e in entries if isinstance(e, dict)]

    return api_call(settings, "GET", _url(settings, "org", "member"), read)


def _org_access(settings: ClientSettings, /, access_list_id: str | None) -> ApiCall[None]:
    """Set the organisation's access list, or ``None`` for none."""
    body = {"access_list_id": access_list_id}
    return api_call(settings, "POST", _url(settings, "org", "group", "access-list"), _nothing, body=body)


def _check_auth(settings: ClientSettings, /) -> ApiCall[None]:
    """Check the key without cost. Raises ``AuthenticationError`` or ``PermissionDeniedError`` if it is not valid."""
    return api_call(settings, "GET", f"{settings.config.management_url}/v1/auth/check", _nothing)


class Keys(Resource):
    """``client.management.keys``."""

    list = SyncEndpoint(_list_keys)
    create = SyncEndpoint(_create_key)
    get = SyncEndpoint(_get_key)
    delete = SyncEndpoint(_delete_key)
    limit = SyncEndpoint(_limit_key)
    label = SyncEndpoint(_label_key)
    expire = SyncEndpoint(_expire_key)
    usage = SyncEndpoint(_key_usage)


class AsyncKeys(AsyncResource):
    """``client.management.keys`` of the asynchronous client."""

    list = AsyncEndpoint(_list_keys)
    create = AsyncEndpoint(_create_key)
    get = AsyncEndpoint(_get_key)
    delete = AsyncEndpoint(_delete_key)
    limit = AsyncEndpoint(_limit_key)
    label = AsyncEndpoint(_label_key)
    expire = AsyncEndpoint(_expire_key)
    usage = AsyncEndpoint(_key_usage)


class Groups(Resource):
    """``client.management.groups``."""

    list = SyncEndpoint(_list_groups)
    create = SyncEndpoint(_create_group)
    get = SyncEndpoint(_get_group)
    delete = SyncEndpoint(_delete_group)
    add_member = SyncEndpoint(_add_member)
    remove_member = SyncEndpoint(_remove_member)
    set_role = SyncEndpoint(_set_role)


class AsyncGroups(AsyncResource):
    """``client.management.groups`` of the asynchronous client."""

    list = AsyncEndpoint(_list_groups)
    create = AsyncEndpoint(_create_group)
    get = AsyncEndpoint(_get_group)
    delete = AsyncEndpoint(_delete_group)
    add_member = AsyncEndpoint(_add_member)
    remove_member = AsyncEndpoint(_remove_member)
    set_role = AsyncEndpoint(_set_role)


class AccessLists(Resource):
    """``client.management.access_lists``."""

    list = SyncEndpoint(_list_access)
    create = SyncEndpoint(_create_access)
    get = SyncEndpoint(_get_access)
    update = SyncEndpoint(_update_access)
    delete = SyncEndpoint(_delete_access)


class AsyncAccessLists(AsyncResource):
    """``client.management.access_lists`` of the asynchronous client."""

    list = AsyncEndpoint(_list_access)
    create = AsyncEndpoint(_create_access)
    get = AsyncEndpoint(_get_access)
    update = AsyncEndpoint(_update_access)
    delete = AsyncEndpoint(_delete_access)


class Management(Resource):
    """``client.management``."""

    organization = SyncEndpoint(_organization)
    usage = SyncEndpoint(_org_usage)
    members = SyncEndpoint(_members)
    set_access_list = SyncEndpoint(_org_access)
    check_auth = SyncEndpoint(_check_auth)

    def __init__(self, client: SyncRunner) -> None:
        super().__init__(client)
        self.keys = Keys(client)
        self.groups = Groups(client)
        self.access_lists = AccessLists(client)


class AsyncManagement(AsyncResource):
    """``client.management`` of the asynchronous client."""

    organization = AsyncEndpoint(_organization)
    usage = AsyncEndpoint(_org_usage)
    members = AsyncEndpoint(_members)
    set_access_list = AsyncEndpoint(_org_access)
    check_auth = AsyncEndpoint(_check_auth)

    def __init__(self, client: AsyncRunner) -> None:
        super().__init__(client)
        self.keys = AsyncKeys(client)
        self.groups = AsyncGroups(client)
        self.access_lists = AsyncAccessLists(client)
