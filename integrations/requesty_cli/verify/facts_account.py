"""Rows on keys, errors, management and feedback (contract, sections 1 and 11 to 13)."""

from __future__ import annotations

import re
from dataclasses import replace

from .looks import (
    absent,
    all_of,
    entries,
    error,
    header,
    otherwise,
    quiet,
    status,
    typed,
)
from .rows import row
from .wire import MISSING, Seen, UntoldError

__all__ = ["ERRORS", "KEYS", "MANAGEMENT", "WRITES"]

PERIOD = ("completions_requests", "total_requests", "input_tokens", "output_tokens", "total_tokens")


def _period(seen: Seen) -> str:
    usage = seen.at("usage")
    if not isinstance(usage, dict):
        raise otherwise("usage", "an object of periods", usage)
    if not usage:
        raise UntoldError("there is no usage today")
    name, first = next(iter(usage.items()))
    if not re.fullmatch(r"\d{4}-\d\d-\d\d(T.*)?", name):
        raise otherwise("the name of a period", "a time or a date", name)
    lacking = [one for one in PERIOD if isinstance(first.get(one), bool) or not isinstance(first.get(one), int)]
    if lacking:
        raise otherwise(f"usage.{name}.{lacking[0]}", "a count", first.get(lacking[0], MISSING))
    if not isinstance(first.get("spend"), str):
        raise otherwise(f"usage.{name}.spend", "decimal text", first.get("spend", MISSING))
    return f"{len(usage)} periods, spend {first['spend']}"


def _secret(seen: Seen) -> str:
    return (
        all_of(typed("api_key_id", "text"))(seen)
        if isinstance(seen.at("api_key"), str)
        else typed("api_key", "text")(seen)
    )


KEYS = [
    row("1 13 19-4", "no key is 401 or 403", "no_key", error((401, 403)), answered=False),
    row("1 13 19-4", "a bad key is 403, or 401", "bad_key", error((403, 401)), answered=False),
    row("1", "the key is checked before the model is looked up", "no_model_bad_key", error((403, 401)), answered=False),
    row("1 12", "GET /v1/auth/check is 200 for a good key", "auth", status(200)),
    row("1 12", "GET /v1/auth/check is 401 or 403 for a bad key", "auth_bad", status(401, 403), answered=False),
    row("1 6", "/v1/messages takes x-api-key", "messages", status(200)),
    row("1 6", "/v1/messages takes a bearer key", "messages_bearer", status(200)),
    row("1 7", "/v1/responses takes a bearer key", "responses", status(200)),
    row("1 7", "/v1/responses takes x-api-key", "responses_key", status(200)),
]

ERRORS = [
    row("13", "an unknown model is 404", "no_model", error((404,), r"not supported|not found"), answered=False),
    row(
        "13 19-30",
        "its words name provider, model or policy",
        "no_model",
        error((404,), r"(provider|model|policy)"),
        answered=False,
    ),
    row(
        "13 19-5",
        "the router's errors have origin and message",
        "no_model",
        error((404,), origin="router|provider"),
        answered=False,
    ),
    row("13", "an unknown policy is 404, or 400", "no_policy", error((404, 400)), answered=False),
    row("2 13", "the suffix :free is 400", "free_suffix", error((400,)), answered=False),
    row("3 13", "an empty list of tools is 400", "no_tools", error((400,)), answered=False),
    row("13", "a temperature of 9 is 400", "too_hot", error((400,)), answered=False),
    row("10", "POST /v1/completions is 404", "completions", status(404), answered=False),
    row("10", "there is no route for moderation", "moderations", status(404, 405), answered=False),
    row(
        "6 13",
        "/v1/messages refuses with error.type and error.message",
        "messages_no_model",
        all_of(error((404, 400)), typed("error.type", "text")),
        answered=False,
    ),
    row("6 13", "/v1/messages answers 401 or 403 to a bad key", "messages_bad", status(401, 403), answered=False),
    row("12 13", "management refuses with error.message", "manage_bad", error((401, 403)), answered=False),
    row("13 21-1", "Retry-After comes with errors", "no_model", header("retry-after"), answered=False),
]

_MANAGEMENT = [
    row(
        "12",
        "GET apikey/self has id, name, permissions",
        "self",
        all_of(typed("id", "text"), typed("name", "text"), typed("permissions", "object")),
    ),
    row(
        "12 19-23",
        "monthly_limit and monthly_spend are amounts",
        "self",
        all_of(
            typed("monthly_limit", "amount", "null", optional=True), typed("monthly_spend", "amount", optional=True)
        ),
    ),
    row(
        "12",
        "GET apikey lists keys without their secrets",
        "keys",
        all_of(entries("keys", "id", "text"), absent("keys.0.api_key")),
    ),
    row("12", "GET apikey/self/usage has periods", "self_usage", _period),
    row("12", "group_by can be given several times", "usage_groups", typed("usage", "object")),
    row(
        "12",
        "GET org has a name, and a balance if any",
        "org",
        all_of(typed("name", "text"), typed("balance", "number", optional=True)),
    ),
    row("12", "GET org/usage has periods", "org_usage", _period),
    row("12 21-16", "GET org/member answers JSON", "members", status(200)),
    row("12", "GET group lists groups", "groups", typed("groups", "list")),
    row("12", "GET access-list lists access lists", "access_lists", typed("access_lists", "list")),
]
MANAGEMENT = [replace(one, look=quiet(one.look)) for one in _MANAGEMENT if one.look is not None]

WRITES = [
    row("12 19-25", "POST apikey answers api_key_id and the secret", "new_key", all_of(status(200, 201), _secret)),
    row("12", "POST apikey/{id}/limit is 204", "key_limit", status(204, 200)),
    row("12", "POST apikey/{id}/label is 204", "key_labels", status(204, 200)),
    row("12", "POST apikey/{id}/expiry is 204", "key_expiry", status(204, 200)),
    row("12", "DELETE apikey/{id} is 204", "key_delete", status(204, 200)),
    row("12", "POST group answers group_id", "new_group", typed("group_id", "text")),
    row(
        "12",
        "GET group/{id} has the group and its members",
        "group",
        all_of(typed("group.name", "text"), typed("group.members", "list", "null", optional=True)),
    ),
    row("12", "DELETE group/{id} is 204", "group_delete", status(204, 200)),
    row("12", "POST access-list answers id", "new_list", typed("id", "text")),
    row("12", "GET access-list/{id} has access_list", "list", typed("access_list", "object")),
    row("12", "PATCH access-list/{id} is taken", "list_change", status(200, 204)),
    row("12", "DELETE access-list/{id} is taken", "list_delete", status(204, 200)),
    row("11 19-20 21-16", "feedback of form A is taken", "feedback", status(200, 201, 202, 204)),
    row("11 19-20", "feedback of form B is taken", "feedback_b", status(200, 201, 202, 204)),
]
