from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from requesty_emulator import GatewayEmulator

from .wire import CHAT, MODEL, ask, chat

KEYS = "/v1/manage/apikey"
TODAY = datetime.now(UTC).strftime("%Y-%m-%dT00:00:00Z")


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def create(http: httpx.Client, **fields: Any) -> tuple[str, str]:
    body = http.post(KEYS, json={"name": "k", "permissions": {"completions": "write"}, **fields}).json()
    return body["api_key_id"], body["api_key"]


def test_a_key_from_birth_to_death(http: httpx.Client) -> None:
    identity, secret = create(
        http, name="ci", monthly_limit="2.5", permissions={"manage": "read", "completions": "write"}
    )
    assert http.post(CHAT, json=ask(), headers=bearer(secret)).status_code == 200
    shown = http.get(f"{KEYS}/{identity}").json()
    assert shown["name"] == "ci"
    assert shown["monthly_limit"] == "2.5"
    assert Decimal(shown["monthly_spend"]) > 0
    assert shown["permissions"] == {"manage": "read", "completions": "write"}
    assert http.get(f"{KEYS}/self", headers=bearer(secret)).json()["id"] == identity
    assert http.post(f"{KEYS}/{identity}/label", json={"labels": {"team": "a"}}).status_code == 204
    listed = {key["id"]: key for key in http.get(KEYS).json()["keys"]}
    assert listed[identity]["labels"] == {"team": "a"}
    assert secret not in http.get(KEYS).text
    assert http.delete(f"{KEYS}/{identity}").status_code == 204
    assert http.post(CHAT, json=ask(), headers=bearer(secret)).status_code == 403
    assert http.get(f"{KEYS}/{identity}").status_code == 404


def test_monthly_limits_end_in_412(http: httpx.Client) -> None:
    identity, secret = create(http)
    assert http.post(f"{KEYS}/{identity}/limit", json={"monthly_limit": 0.000001}).status_code == 204
    statuses = [http.post(CHAT, json=ask(), headers=bearer(secret)).status_code for _ in range(2)]
    assert statuses == [200, 412]
    http.post(f"{KEYS}/{identity}/limit", json={"monthly_limit": "0"})
    assert http.post(CHAT, json=ask(), headers=bearer(secret)).status_code == 200


def test_an_empty_balance_is_402(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.settings.balance = Decimal("0.000001")
    assert [http.post(CHAT, json=ask()).status_code for _ in range(2)] == [200, 402]
    assert http.get("/v1/manage/org").json()["balance"] == 0


def test_expired_keys_stay_dead(http: httpx.Client) -> None:
    identity, secret = create(http)
    future = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert http.post(f"{KEYS}/{identity}/expiry", json={"expires_at": future}).status_code == 204
    assert http.get("/v1/auth/check", headers=bearer(secret)).status_code == 200
    http.post(f"{KEYS}/{identity}/expiry", json={"expires_at": "2020-01-01T00:00:00Z"})
    assert http.get("/v1/auth/check", headers=bearer(secret)).status_code == 403
    assert http.post(f"{KEYS}/{identity}/expiry", json={"expires_at": None}).status_code == 400


def test_permissions_are_checked(http: httpx.Client) -> None:
    _, plain = create(http)
    response = http.get(KEYS, headers=bearer(plain))
    assert response.status_code == 403
    assert response.json() == {"error": {"message": "manage read permission required"}}
    _, reader = create(http, permissions={"manage": "read"})
    assert http.get(KEYS, headers=bearer(reader)).status_code == 200
    assert http.post(KEYS, json={"name": "x"}, headers=bearer(reader)).status_code == 403
    assert http.post(CHAT, json=ask(), headers=bearer(reader)).status_code == 403


@pytest.mark.parametrize(("headers", "status"), [({}, 200), ({"authorization": ""}, 401), (bearer("bad"), 403)])
def test_the_auth_check(http: httpx.Client, headers: dict[str, str], status: int) -> None:
    assert http.get("/v1/auth/check", headers=headers).status_code == status


def spend_some(http: httpx.Client) -> None:
    chat(http, requesty={"user_id": "ann", "extra": {"feature": "search"}, "tags": ["t"]})
    chat(http, model="openai/gpt-4o", requesty={"user_id": "bob", "trace_id": "t1", "extra": {"feature": "chat"}})
    http.post(CHAT, json=ask(), headers={"X-Title": "My App", "X-Requesty-Team": "blue", "X-Requesty-Branch": "none"})
    http.post("/v1/embeddings", json={"model": "openai/text-embedding-3-small", "input": "x"})


def test_usage_counts_and_adds_up(http: httpx.Client, gw: GatewayEmulator) -> None:
    spend_some(http)
    for path in (f"{KEYS}/self/usage", "/v1/manage/org/usage"):
        day = http.get(path, params={"start": TODAY}).json()["usage"][TODAY]
        assert (day["completions_requests"], day["embedding_requests"], day["total_requests"]) == (3, 1, 4)
        assert Decimal(day["spend"]) == gw.billed
        assert day["total_tokens"] == day["input_tokens"] + day["output_tokens"] > 0


@pytest.mark.parametrize(
    ("group", "values"),
    [
        ("user_id", {"ann", "bob", ""}),
        ("model_requested", {MODEL, "openai/gpt-4o", "openai/text-embedding-3-small"}),
        ("extra.feature", {"search", "chat", ""}),
        ("origin_title", {"My App", ""}),
        ("extra.team", {"blue", ""}),
        ("extra.branch", {""}),
        ("provider_used", {"openai"}),
        ("is_byok", {"false"}),
    ],
)
def test_usage_by_group(http: httpx.Client, gw: GatewayEmulator, group: str, values: set[str]) -> None:
    spend_some(http)
    params = {"start": TODAY, "group_by": group, "resolution": "month"}
    (period,) = http.get("/v1/manage/org/usage", params=params).json()["usage"].values()
    rows = period["grouped_data"]
    assert {row["group_by_values"][group] for row in rows} == values
    assert sum(Decimal(row["spend"]) for row in rows) == gw.billed
    assert gw.spend(group).keys() == values


def test_several_groups(http: httpx.Client) -> None:
    spend_some(http)
    params = [("start", TODAY), ("group_by", "user_id"), ("group_by", "model_requested"), ("resolution", "hour")]
    (period,) = http.get(f"{KEYS}/self/usage", params=params).json()["usage"].values()
    assert {tuple(row["group_by_values"].values()) for row in period["grouped_data"]} >= {("ann", MODEL)}


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({}, "start"),
        ({"start": "yesterday"}, "start"),
        ({"start": "2026-01-01", "end": "2025-01-01"}, "end"),
        ({"start": "2026-01-01", "end": "2026-06-01"}, "100 days"),
        ({"start": "2026-01-01", "resolution": "week"}, "resolution"),
        ({"start": "2026-01-01", "group_by": "colour"}, "group_by"),
    ],
)
def test_bad_ranges_are_named(http: httpx.Client, params: dict[str, str], names: str) -> None:
    response = http.get("/v1/manage/org/usage", params=params)
    assert response.status_code == 400
    assert names in response.json()["error"]["message"]


def test_groups_and_members(http: httpx.Client) -> None:
    identity = http.post("/v1/manage/group", json={"name": "team", "monthly_limit": 10}).json()["group_id"]
    path = f"/v1/manage/group/{identity}"
    assert http.post(f"{path}/member", json={"user_id": "u1", "role": "member"}).status_code == 204
    assert http.put(f"{path}/member/u1/role", json={"role": "admin"}).status_code == 204
    group = http.get(path).json()["group"]
    assert group["monthly_limit"] == 10
    assert [(member["id"], member["role"]) for member in group["members"]] == [("u1", "admin")]
    assert http.put(f"{path}/member", json={"user_id": "u1", "role": "member"}).status_code == 204
    assert http.get("/v1/manage/group").json()["groups"][0]["members_count"] == 1
    assert http.request("DELETE", f"{path}/member", json={"user_id": "u1"}).status_code == 204
    assert http.request("DELETE", f"{path}/member", json={"user_id": "u1"}).status_code == 404
    assert http.delete(path).status_code == 204
    assert http.get(path).status_code == 404


def test_group_budgets_end_in_412(http: httpx.Client, gw: GatewayEmulator) -> None:
    identity = http.post("/v1/manage/group", json={"name": "team", "monthly_limit": 0.000001}).json()["group_id"]
    key = gw.add_key("member", group_id=identity)
    statuses = [http.post(CHAT, json=ask(), headers=bearer(key.secret)).status_code for _ in range(2)]
    assert statuses == [200, 412]


def test_access_lists_approve_models(http: httpx.Client) -> None:
    path = "/v1/manage/access-list"
    identity = http.post(path, json={"name": "safe", "chat": [MODEL]}).json()["id"]
    assert http.post("/v1/manage/org/group/access-list", json={"access_list_id": identity}).status_code == 204
    assert http.post(CHAT, json=ask()).status_code == 200
    response = http.post(CHAT, json=ask(model="openai/gpt-4o"))
    assert response.status_code == 403
    assert "Provider blocked by policy" in response.text
    http.patch(f"{path}/{identity}", json={"chat": [MODEL, "openai/gpt-4o"]})
    assert http.post(CHAT, json=ask(model="openai/gpt-4o")).status_code == 200
    assert http.get(f"{path}/{identity}").json()["access_list"]["chat"] == [MODEL, "openai/gpt-4o"]
    assert http.get(path).json()["access_lists"][0]["name"] == "safe"
    http.post("/v1/manage/org/group/access-list", json={"access_list_id": None})
    assert http.post(CHAT, json=ask(model="openai/gpt-5")).status_code == 200
    assert http.delete(f"{path}/{identity}").status_code == 204


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (KEYS, {}),
        (KEYS, {"name": ""}),
        (KEYS, {"name": "x", "monthly_limit": "lots"}),
        (KEYS, {"name": "x", "monthly_limit": -1}),
        (KEYS, {"name": "x", "permissions": {"manage": "all"}}),
        (KEYS, {"name": "x", "permissions": {"fly": "read"}}),
        (f"{KEYS}/self/label", {"labels": {"a": 1}}),
        (f"{KEYS}/self/expiry", {}),
        (f"{KEYS}/self/expiry", {"expires_at": "soon"}),
        ("/v1/manage/group", {"name": "x", "monthly_limit": "10"}),
        ("/v1/manage/access-list", {"name": "x", "chat": [1]}),
    ],
)
def test_bad_management_bodies(http: httpx.Client, path: str, body: dict[str, Any]) -> None:
    response = http.post(path, json=body)
    assert response.status_code == 400
    assert response.json()["error"].keys() == {"message"}


def test_feedback_in_both_forms(http: httpx.Client, gw: GatewayEmulator) -> None:
    identity = chat(http)["id"]
    assert http.post(f"/feedback/{identity}", json={"data": {"helpful": True, "rating": 4}}).status_code == 200
    assert http.post(f"/feedback/{identity}", json={"data": {"rating": 5}}).status_code == 200
    assert gw.feedback[identity] == {"helpful": True, "rating": 5}
    assert http.post("/v1/feedback", json={"request_id": "r1", "rating": "thumbs_up"}).status_code == 200
    assert gw.feedback["r1"] == {"rating": "thumbs_up"}
    assert http.post("/v1/feedback", json={"request_id": "r1", "rating": "five"}).status_code == 400
    assert http.post(f"/feedback/{identity}", json={"rating": 5}).status_code == 400
    assert http.post("/v1/feedback", json={}, headers=bearer("bad")).status_code == 403


def test_metadata_is_readable_from_the_ledger(http: httpx.Client, gw: GatewayEmulator) -> None:
    chat(http, requesty={"user_id": "ann", "trace_id": "t1", "tags": ["a", "b"], "extra": {"run": 7}})
    (entry,) = gw.ledger
    assert (entry.user_id, entry.trace_id, entry.tags, entry.extra) == ("ann", "t1", ("a", "b"), {"run": 7})
    assert entry.spend == gw.last_request.cost
    assert entry.request_id == gw.last_request.request_id
