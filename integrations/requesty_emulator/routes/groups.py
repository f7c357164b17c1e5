"""Groups and access lists of the management API (docs/contract.md, section 12)."""

from __future__ import annotations

from typing import Any

from requesty_emulator.errors import GatewayError
from requesty_emulator.gateway.call import Call
from requesty_emulator.gateway.delivery import Reply
from requesty_emulator.gateway.state import AccessList, Group, Member
from requesty_emulator.validation import checks

_KINDS = ("chat", "embedding", "image", "transcription", "speech")
_ROLES = ("admin", "member")


def _group(call: Call) -> Group:
    group = call.core.state.groups.get(call.params["id"])
    if group is None:
        raise GatewayError(404, f"group {call.params['id']} not found", "router")
    return group


def _shape(call: Call, group: Group) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": group.id,
        "organization_id": "org-root",
        "name": group.name,
        "members_count": len(group.members),
        "monthly_spend": float(call.core.state.accounts.monthly_spend("group", group.id)),
        "created_by": "user-root",
        "created_at": group.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if group.monthly_limit is not None:
        body["monthly_limit"] = group.monthly_limit
    return body


async def list_groups(call: Call) -> Reply:
    """``GET /v1/manage/group``."""
    return Reply({"groups": [_shape(call, group) for group in list(call.core.state.groups.values())]})


async def create_group(call: Call) -> Reply:
    """``POST /v1/manage/group``: ``monthly_limit`` is a JSON number here."""
    body = call.json()
    name = checks.string(checks.required(body, "name"), "name", empty=False)
    limit = checks.number(body["monthly_limit"], "monthly_limit", 0) if body.get("monthly_limit") is not None else None
    group = Group(call.core.state.new_id(), name, limit)
    call.core.state.groups[group.id] = group
    return Reply({"group_id": group.id})


async def get_group(call: Call) -> Reply:
    """``GET /v1/manage/group/{id}`` with its members."""
    group = _group(call)
    members = [
        {
            "id": member.id,
            "email": member.email,
            "role": member.role,
            "monthly_spend": 0,
            "active": True,
            **({} if member.monthly_limit is None else {"monthly_limit": member.monthly_limit}),
        }
        for member in group.members.values()
    ]
    return Reply({"group": {**_shape(call, group), "members": members}})


async def delete_group(call: Call) -> Reply:
    """``DELETE /v1/manage/group/{id}``."""
    del call.core.state.groups[_group(call).id]
    return Reply(status=204)


async def add_member(call: Call) -> Reply:
    """``POST …/member``."""
    group, body = _group(call), call.json()
    identity = checks.string(checks.required(body, "user_id"), "user_id", empty=False)
    role = checks.one_of(body.get("role") or "member", "role", _ROLES)
    group.members[identity] = Member(identity, f"{identity}@example.com", role)
    return Reply(status=204)


async def remove_member(call: Call) -> Reply:
    """``DELETE …/member`` with ``user_id`` in the body."""
    group, body = _group(call), call.json()
    identity = checks.string(checks.required(body, "user_id"), "user_id", empty=False)
    if group.members.pop(identity, None) is None:
        raise GatewayError(404, f"member {identity} not found", "router")
    return Reply(status=204)


async def set_role(call: Call) -> Reply:
    """``PUT …/member/{user_id}/role`` (vendor CLI) or ``PUT …/member`` (vendor skills)."""
    group, body = _group(call), call.json()
    identity = call.params.get("user_id") or checks.string(checks.required(body, "user_id"), "user_id", empty=False)
    role = checks.one_of(checks.required(body, "role"), "role", _ROLES)
    member = group.members.get(identity)
    if member is None:
        raise GatewayError(404, f"member {identity} not found", "router")
    member.role = role
    return Reply(status=204)


# access lists


def _list(call: Call) -> AccessList:
    found = call.core.state.access_lists.get(call.params["id"])
    if found is None:
        raise GatewayError(404, f"access list {call.params['id']} not found", "router")
    return found


def _list_shape(item: AccessList) -> dict[str, Any]:
    kinds = {kind: list(item.models.get(kind, ())) for kind in _KINDS}
    return {"id": item.id, "name": item.name, "auto_approve": item.auto_approve, **kinds}


def _change(item: AccessList, body: dict[str, Any]) -> None:
    if body.get("name") is not None:
        item.name = checks.string(body["name"], "name", empty=False)
    if body.get("auto_approve") is not None:
        item.auto_approve = checks.boolean(body["auto_approve"], "auto_approve")
    for kind in _KINDS:
        if body.get(kind) is not None:
            ids = checks.array(body[kind], kind)
            item.models[kind] = [checks.string(model, f"{kind}[{index}]") for index, model in enumerate(ids)]


async def list_access_lists(call: Call) -> Reply:
    """``GET /v1/manage/access-list``."""
    return Reply({"access_lists": [_list_shape(item) for item in list(call.core.state.access_lists.values())]})


async def create_access_list(call: Call) -> Reply:
    """``POST /v1/manage/access-list``."""
    body = call.json()
    item = AccessList(call.core.state.new_id(), checks.string(checks.required(body, "name"), "name", empty=False))
    _change(item, body)
    call.core.state.access_lists[item.id] = item
    return Reply({"id": item.id})


async def get_access_list(call: Call) -> Reply:
    """``GET /v1/manage/access-list/{id}``."""
    return Reply({"access_list": _list_shape(_list(call))})


async def patch_access_list(call: Call) -> Reply:
    """``PATCH /v1/manage/access-list/{id}``."""
    item = _list(call)
    _change(item, call.json())
    return Reply({"access_list": _list_shape(item)})


async def delete_access_list(call: Call) -> Reply:
    """``DELETE /v1/manage/access-list/{id}``."""
    del call.core.state.access_lists[_list(call).id]
    return Reply(status=204)


async def use_access_list(call: Call) -> Reply:
    """``POST /v1/manage/org/group/access-list``: the organisation's approved models; null lifts them."""
    body = call.json()
    if "access_list_id" not in body:
        raise GatewayError(400, "missing required field 'access_list_id'", "router")
    identity = body["access_list_id"]
    if identity is not None and checks.string(identity, "access_list_id") not in call.core.state.access_lists:
        raise GatewayError(404, f"access list {identity} not found", "router")
    call.core.state.org_access_list = identity
    return Reply(status=204)
