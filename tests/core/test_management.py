"""The management API and feedback: the bytes of every route, every shape of answer, and the emulator's word."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from tests.support.ways import BASE_URL, KEY
from tests.support.wire import Wire, answer, http, router_error

from requesty_core import (
    AuthenticationError,
    ConfigurationError,
    MalformedResponseError,
    PermissionDeniedError,
    RequestyError,
)
from requesty_core.routes.management import NewApiKey

HOST = "https://api.test"
Call = Callable[[Any], Any]

KEY_ENTRY = {
    "id": "k1",
    "name": "ci",
    "monthly_limit": "500",
    "monthly_spend": "12.5",
    "permissions": {"manage": "read", "completions": "write"},
    "labels": {"team": "a"},
    "created_by": {"id": "u1", "email": "a@b.c"},
    "group": {"id": "g1"},
    "expires_at": None,
}
GROUP = {
    "id": "g1",
    "name": "red",
    "organization_id": "o1",
    "members_count": 2,
    "monthly_spend": 1.5,
    "monthly_limit": 10,
    "members": [{"id": "u1", "email": "a@b.c", "role": "admin"}, {"user_id": "u2"}, 5],
}
LIST = {"id": "l1", "name": "safe", "auto_approve": True, "chat": ["openai/gpt-4o"], "embedding": [], "speech": None}
DAY = {
    "completions_requests": 3,
    "total_requests": 4,
    "spend": "0.25",
    "input_tokens": 10,
    "output_tokens": 5,
    "total_tokens": 15,
    "grouped_data": [{"group_by_values": {"user_id": "ann"}, "total_requests": 1, "spend": 0.1}, "odd"],
}
USAGE = {"usage": {"2026-08-08": {"total_requests": "many"}, "2026-08-07T00:00:00Z": DAY, "odd": 5}}
MOMENT = datetime(2026, 8, 7, 12, 30, tzinfo=timezone(timedelta(hours=2)))

# call, method, path, body, answer (None: 204 without a body), attributes of the result
ROUTES: list[tuple[Call, str, str, Any, Any, Any]] = [
    (
        lambda m: m.keys.list(),
        "GET",
        "/v1/manage/apikey",
        None,
        {"keys": [KEY_ENTRY, "odd", {"id": "k2", "monthly_limit": 7}]},
        lambda r: (
            [(k.id, k.monthly_limit, k.monthly_spend) for k in r]
            == [("k1", Decimal(500), Decimal("12.5")), ("k2", Decimal(7), None)]
        ),
    ),
    (
        lambda m: m.keys.get(),
        "GET",
        "/v1/manage/apikey/self",
        None,
        KEY_ENTRY,
        lambda r: (
            (r.name, r.labels, r.permissions["manage"], r.raw["group"]) == ("ci", {"team": "a"}, "read", {"id": "g1"})
        ),
    ),
    (lambda m: m.keys.get("a/b c"), "GET", "/v1/manage/apikey/a%2Fb%20c", None, {}, lambda r: r.id == ""),
    (
        lambda m: m.keys.create("n", monthly_limit="2.50", permissions={"completions": "write"}),
        "POST",
        "/v1/manage/apikey",
        {"name": "n", "monthly_limit": "2.50", "permissions": {"completions": "write"}},
        {"api_key_id": "k9", "api_key": "rqy_new"},
        lambda r: r == NewApiKey("k9", "rqy_new") and "rqy_new" not in repr(r),
    ),
    (
        lambda m: m.keys.create("n"),
        "POST",
        "/v1/manage/apikey",
        {"name": "n"},
        {"api_key_id": "k9", "api_key": "s"},
        lambda r: r.id == "k9",
    ),
    (lambda m: m.keys.delete("k1"), "DELETE", "/v1/manage/apikey/k1", None, None, None),
    (lambda m: m.keys.limit("k1", 5), "POST", "/v1/manage/apikey/k1/limit", {"monthly_limit": "5"}, None, None),
    (lambda m: m.keys.limit("k1", 0.1), "POST", "/v1/manage/apikey/k1/limit", {"monthly_limit": "0.1"}, None, None),
    (
        lambda m: m.keys.label("k1", {"a": "b"}),
        "POST",
        "/v1/manage/apikey/k1/label",
        {"labels": {"a": "b"}},
        None,
        None,
    ),
    (
        lambda m: m.keys.expire("k1", MOMENT),
        "POST",
        "/v1/manage/apikey/k1/expiry",
        {"expires_at": "2026-08-07T10:30:00Z"},
        None,
        None,
    ),
    (
        lambda m: m.keys.expire("k1", datetime(2026, 8, 7)),
        "POST",
        "/v1/manage/apikey/k1/expiry",
        {"expires_at": "2026-08-07T00:00:00Z"},
        None,
        None,
    ),
    (lambda m: m.keys.expire("k1", None), "POST", "/v1/manage/apikey/k1/expiry", {"expires_at": None}, None, None),
    (
        lambda m: m.keys.usage(start=date(2026, 8, 7)),
        "GET",
        "/v1/manage/apikey/self/usage?start=2026-08-07T00%3A00%3A00Z",
        None,
        USAGE,
        lambda r: (
            [(p.period, p.total_requests, p.spend) for p in r]
            == [("2026-08-07T00:00:00Z", 4, Decimal("0.25")), ("2026-08-08", 0, None)]
            and (r[0].groups[0].group, r[0].groups[0].spend) == ({"user_id": "ann"}, Decimal("0.1"))
            and r[0].raw["completions_requests"] == 3
        ),
    ),
    (
        lambda m: m.keys.usage(
            "k1", start="2026-08-07", end=MOMENT, resolution="hour", group_by=["user_id", "extra.x"]
        ),
        "GET",
        "/v1/manage/apikey/k1/usage?start=2026-08-07&end=2026-08-07T10%3A30%3A00Z&resolution=hour"
        "&group_by=user_id&group_by=extra.x",
        None,
        {},
        lambda r: r == [],
    ),
    (
        lambda m: m.groups.list(),
        "GET",
        "/v1/manage/group",
        None,
        {"groups": [GROUP, {"id": 7}]},
        lambda r: (r[0].monthly_limit, r[0].members_count, r[1].id, r[1].members_count) == (10, 2, "7", None),
    ),
    (
        lambda m: m.groups.create("red"),
        "POST",
        "/v1/manage/group",
        {"name": "red"},
        {"group_id": "g1"},
        lambda r: r == "g1",
    ),
    (
        lambda m: m.groups.create("red", monthly_limit="1.5"),
        "POST",
        "/v1/manage/group",
        {"name": "red", "monthly_limit": 1.5},
        {"group_id": "g1"},
        lambda r: r == "g1",
    ),
    (
        lambda m: m.groups.get("g1"),
        "GET",
        "/v1/manage/group/g1",
        None,
        {"group": GROUP},
        lambda r: [(x.id, x.role) for x in r.members] == [("u1", "admin"), ("u2", None)],
    ),
    (lambda m: m.groups.delete("g1"), "DELETE", "/v1/manage/group/g1", None, None, None),
    (
        lambda m: m.groups.add_member("g1", "u1"),
        "POST",
        "/v1/manage/group/g1/member",
        {"user_id": "u1", "role": "member"},
        None,
        None,
    ),
    (
        lambda m: m.groups.remove_member("g1", "u1"),
        "DELETE",
        "/v1/manage/group/g1/member",
        {"user_id": "u1"},
        None,
        None,
    ),
    (
        lambda m: m.groups.set_role("g1", "u1", "admin"),
        "PUT",
        "/v1/manage/group/g1/member/u1/role",
        {"role": "admin"},
        None,
        None,
    ),
    (
        lambda m: m.access_lists.list(),
        "GET",
        "/v1/manage/access-list",
        None,
        {"access_lists": [LIST]},
        lambda r: (r[0].auto_approve, r[0].models) == (True, {"chat": ["openai/gpt-4o"], "embedding": []}),
    ),
    (
        lambda m: m.access_lists.create("safe", chat=["a/b"]),
        "POST",
        "/v1/manage/access-list",
        {"name": "safe", "auto_approve": False, "chat": ["a/b"]},
        {"id": "l1"},
        lambda r: r == "l1",
    ),
    (
        lambda m: m.access_lists.get("l1"),
        "GET",
        "/v1/manage/access-list/l1",
        None,
        {"access_list": LIST},
        lambda r: r.name == "safe",
    ),
    (
        lambda m: m.access_lists.update("l1", auto_approve=False, image=("x/y",)),
        "PATCH",
        "/v1/manage/access-list/l1",
        {"auto_approve": False, "image": ["x/y"]},
        None,
        None,
    ),
    (lambda m: m.access_lists.delete("l1"), "DELETE", "/v1/manage/access-list/l1", None, None, None),
    (
        lambda m: m.organization(),
        "GET",
        "/v1/manage/org",
        None,
        {"name": "Acme", "balance": 3.25},
        lambda r: (r.name, r.balance) == ("Acme", Decimal("3.25")),
    ),
    (
        lambda m: m.organization(),
        "GET",
        "/v1/manage/org",
        None,
        {"name": "Acme"},
        lambda r: r.balance is None,
    ),
    (
        lambda m: m.usage(start="2026-08-07", group_by="model_used"),
        "GET",
        "/v1/manage/org/usage?start=2026-08-07&group_by=model_used",
        None,
        USAGE,
        lambda r: len(r) == 2,
    ),
    (
        lambda m: m.members(),
        "GET",
        "/v1/manage/org/member",
        None,
        {"members": [{"id": "u1", "email": "a@b.c", "role": "admin"}]},
        lambda r: [x.email for x in r] == ["a@b.c"],
    ),
    (
        lambda m: m.members(),
        "GET",
        "/v1/manage/org/member",
        None,
        [{"id": "u1"}, 5],
        lambda r: [x.id for x in r] == ["u1"],
    ),
    (lambda m: m.members(), "GET", "/v1/manage/org/member", None, 5, lambda r: r == []),
    (
        lambda m: m.set_access_list("l1"),
        "POST",
        "/v1/manage/org/group/access-list",
        {"access_list_id": "l1"},
        None,
        None,
    ),
    (
        lambda m: m.set_access_list(None),
        "POST",
        "/v1/manage/org/group/access-list",
        {"access_list_id": None},
        None,
        None,
    ),
    (lambda m: m.check_auth(), "GET", "/v1/auth/check", None, None, None),
]


def client_of(way: Any, wire: Any, **settings: Any) -> Any:
    return way.client(wire, management_url=HOST, feedback_url=HOST, **settings)


@pytest.mark.parametrize(
    ("call", "method", "path", "body", "result", "holds"),
    ROUTES,
    ids=[f"{i}-{r[1]}-{r[2][:45]}" for i, r in enumerate(ROUTES)],
)
def test_routes(unary: Any, call: Call, method: str, path: str, body: Any, result: Any, holds: Any) -> None:
    wire = Wire(http(204) if result is None else http(200, result))
    answer = unary.run(client_of(unary, wire), lambda c: call(c.management))
    (request,) = wire.requests
    assert (request.method, str(request.url)) == (method, HOST + path)
    assert (json.loads(request.content) if request.content else None) == body
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert answer is None if holds is None else holds(answer)


def test_the_older_form_of_a_role_change_is_tried_where_the_newer_does_not_exist(unary: Any) -> None:
    for status in (404, 405):
        wire = Wire(http(status), http(204))
        unary.run(client_of(unary, wire), lambda c: c.management.groups.set_role("g1", "u1", "member"))
        assert [r.url.path for r in wire.requests] == [
            "/v1/manage/group/g1/member/u1/role",
            "/v1/manage/group/g1/member",
        ]
        assert wire.body() == {"user_id": "u1", "role": "member"}
    wire = Wire(router_error(403, "manage write permission required"))
    with pytest.raises(PermissionDeniedError):
        unary.run(client_of(unary, wire), lambda c: c.management.groups.set_role("g1", "u1", "member"))
    wire = Wire(http(404), http(405))
    with pytest.raises(RequestyError) as caught:
        unary.run(client_of(unary, wire), lambda c: c.management.groups.set_role("g1", "u1", "member"))
    assert caught.value.status == 405


def test_reads_are_retried_and_writes_are_sent_once(unary: Any) -> None:
    wire = Wire(http(503), http(200, {"keys": []}))
    assert unary.run(client_of(unary, wire, max_retries=1), lambda c: c.management.keys.list()) == []
    wire = Wire(http(503))
    with pytest.raises(RequestyError):
        unary.run(client_of(unary, wire, max_retries=5), lambda c: c.management.keys.delete("k1"))
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("answer", "cls", "words"),
    [
        ((401, {"error": {"message": "Unauthorized"}}), AuthenticationError, "Unauthorized"),
        ((403, {"error": {"message": "manage read permission required"}}), PermissionDeniedError, "manage read"),
        ((403, "<html>no</html>"), PermissionDeniedError, "403"),
        ((500, ""), RequestyError, "500"),
        ((200, []), MalformedResponseError, "management_url"),
        ((200, "<html>"), MalformedResponseError, "not JSON"),
    ],
)
def test_refusals(unary: Any, answer: Any, cls: type[Exception], words: str) -> None:
    with pytest.raises(cls) as caught:
        unary.run(client_of(unary, Wire(http(*answer)), max_retries=0), lambda c: c.management.keys.list())
    assert words in str(caught.value)


def test_an_answer_without_the_new_id_is_an_error(unary: Any) -> None:
    for body in ({}, {"group_id": 5}, {"group_id": ""}):
        with pytest.raises(MalformedResponseError, match="group_id"):
            unary.run(client_of(unary, Wire(http(200, body))), lambda c: c.management.groups.create("g"))


BAD: list[tuple[Call, str]] = [
    (lambda m: m.keys.get(""), "id: ''"),
    (lambda m: m.keys.delete(None), "id: None"),
    (lambda m: m.keys.limit("k", -1), "monthly_limit: -1"),
    (lambda m: m.keys.create("k", monthly_limit="lots"), "monthly_limit: 'lots'"),
    (lambda m: m.groups.create("g", monthly_limit="nan"), "monthly_limit: 'nan'"),
    (lambda m: m.keys.expire("k", ""), "expires_at: ''"),
    (lambda m: m.keys.usage(start=5), "start: 5"),
    (lambda m: m.access_lists.create("l", video=["a/b"]), "unknown kind 'video'"),
]


@pytest.mark.parametrize(("call", "words"), BAD)
def test_bad_arguments_are_refused_before_any_request(unary: Any, call: Call, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        unary.run(client_of(unary, Wire()), lambda c: call(c.management))
    assert words in str(caught.value)


def test_the_key_is_blotted_out_of_an_echo(unary: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "requesty")
    wire = Wire(router_error(403, f"unknown key {KEY}"))
    with pytest.raises(PermissionDeniedError) as caught:
        unary.run(client_of(unary, wire), lambda c: c.management.check_auth())
    assert KEY not in str(caught.value)
    assert KEY not in caplog.text


def test_a_days_work_against_the_emulator(gateway: Any, unary: Any) -> None:
    client = unary.client(
        None, base_url=gateway.base_url, api_key=gateway.api_key, management_url=gateway.management_url
    )

    def do(call: Call) -> Any:
        return unary.run(client, lambda c: call(c.management))

    do(lambda m: m.check_auth())
    made = do(lambda m: m.keys.create("ci", monthly_limit="2.5", permissions={"completions": "write"}))
    do(lambda m: m.keys.label(made.id, {"team": "a"}))
    do(lambda m: m.keys.limit(made.id, Decimal(7)))
    do(lambda m: m.keys.expire(made.id, datetime.now(UTC) + timedelta(days=1)))
    key = do(lambda m: m.keys.get(made.id))
    assert (key.name, key.monthly_limit) == ("ci", Decimal(7))
    assert {k.id: k.labels for k in do(lambda m: m.keys.list())}[made.id] == {"team": "a"}
    unary.ask(client, model="openai/gpt-4o-mini")
    start = datetime.now(UTC).date()
    (day, *_) = do(lambda m: m.usage(start=start, group_by="model_requested"))
    assert (day.total_requests, day.spend) == (1, gateway.billed)
    assert day.groups[0].group == {"model_requested": "openai/gpt-4o-mini"}
    assert do(lambda m: m.keys.usage(start=start))[0].spend == gateway.billed
    assert do(lambda m: m.organization()).name
    members = do(lambda m: m.members())
    group = do(lambda m: m.groups.create("red", monthly_limit=10))
    do(lambda m: m.groups.add_member(group, members[0].id))
    do(lambda m: m.groups.set_role(group, members[0].id, "admin"))
    shown = do(lambda m: m.groups.get(group))
    assert [(x.id, x.role) for x in shown.members] == [(members[0].id, "admin")]
    assert group in [g.id for g in do(lambda m: m.groups.list())]
    do(lambda m: m.groups.remove_member(group, members[0].id))
    do(lambda m: m.groups.delete(group))
    safe = do(lambda m: m.access_lists.create("safe", chat=["openai/gpt-4o-mini"]))
    do(lambda m: m.access_lists.update(safe, name="safer"))
    assert do(lambda m: m.access_lists.get(safe)).name == "safer"
    do(lambda m: m.set_access_list(safe))
    with pytest.raises(PermissionDeniedError):
        unary.ask(client, model="openai/gpt-4o")
    do(lambda m: m.set_access_list(None))
    do(lambda m: m.access_lists.delete(safe))
    assert do(lambda m: m.access_lists.list()) == []
    do(lambda m: m.keys.delete(made.id))
    stranger = unary.client(None, base_url=gateway.base_url, api_key="bad", management_url=gateway.management_url)
    with pytest.raises(AuthenticationError):
        unary.run(stranger, lambda c: c.management.check_auth())


# --- feedback ---------------------------------------------------------------------------------------------------------


def send(way: Any, wire: Any, *args: Any, **feedback: Any) -> bool:
    result = way.run(client_of(way, wire), lambda c: c.feedback.send(*args, **feedback))
    assert isinstance(result, bool)
    return result


def test_the_first_form(unary: Any) -> None:
    wire = Wire(http(200))
    sent = {"message": "good", "rating": 5, "helpful": True, "user_id": "u", "tags": ["a"], "mood": {"any": 1}}
    assert send(unary, wire, "rqsty-cmpl-1/x", **sent)
    assert str(wire.requests[0].url) == f"{HOST}/feedback/rqsty-cmpl-1%2Fx"
    assert wire.body() == {"data": sent}


@pytest.mark.parametrize(
    ("feedback", "thumbs"),
    [
        ({"rating": "thumbs_up"}, "thumbs_up"),
        ({"rating": "up"}, "thumbs_up"),
        ({"rating": "down"}, "thumbs_down"),
        ({"helpful": True}, "thumbs_up"),
        ({"helpful": False}, "thumbs_down"),
        ({"rating": "thumbs_down", "helpful": True}, "thumbs_down"),
    ],
)
@pytest.mark.parametrize("status", [404, 405])
def test_the_second_form_is_tried_where_the_first_does_not_exist(
    unary: Any, feedback: dict[str, Any], thumbs: str, status: int
) -> None:
    wire = Wire(answer(headers={"x-requesty-request-id": "req-7"}), http(status), http(200))
    client = client_of(unary, wire)
    reply = unary.ask(client)
    assert unary.run(client, lambda c: c.feedback.send(reply, **feedback))
    assert str(wire.requests[1].url) == f"{HOST}/feedback/rqsty-cmpl-1"
    assert str(wire.requests[2].url) == f"{BASE_URL}/feedback"
    assert wire.body() == {"request_id": "req-7", "rating": thumbs}


def test_what_the_second_form_cannot_say_is_not_sent_by_it(unary: Any) -> None:
    assert not send(unary, Wire(http(404)), "id", message="words only")


FAILURES: list[tuple[str, Any, Any]] = [
    ("refused", lambda: [http(403)], "id"),
    ("a server error is not sent twice", lambda: [http(500)], "id"),
    ("both forms missing", lambda: [http(404), http(404)], "id"),
    ("no connection", lambda: [httpx.ConnectError("down")], "id"),
    ("no id", list, ""),
    ("no reply", list, None),
    ("a reply without an id", list, SimpleNamespace(id=None, request_id=None)),
]


@pytest.mark.parametrize(("what", "answers", "reply"), FAILURES, ids=[f[0] for f in FAILURES])
def test_feedback_never_breaks_a_chat(
    unary: Any, caplog: pytest.LogCaptureFixture, what: str, answers: Any, reply: Any
) -> None:
    wire = Wire(*answers())
    assert send(unary, wire, reply, rating="up") is False
    assert "feedback was not sent" in caplog.text
    assert KEY not in caplog.text


def test_feedback_that_is_no_json_does_not_break_a_chat_either(unary: Any) -> None:
    assert send(unary, Wire(), "id", what=object()) is False


def test_both_forms_reach_the_emulator(gateway: Any, unary: Any) -> None:
    client = unary.client(
        None,
        base_url=gateway.base_url,
        api_key=gateway.api_key,
        feedback_url=gateway.management_url,
        management_url=gateway.management_url,
    )
    reply = unary.ask(client, model="openai/gpt-4o-mini")
    assert unary.run(client, lambda c: c.feedback.send(reply, rating="up", note="n"))
    assert gateway.feedback[reply.id]["note"] == "n"
