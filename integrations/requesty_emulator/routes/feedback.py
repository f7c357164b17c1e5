"""Both official forms of feedback (docs/contract.md, section 11)."""

from __future__ import annotations

from requesty_emulator.gateway.call import Call
from requesty_emulator.gateway.delivery import Reply
from requesty_emulator.gateway.routing import take_plain
from requesty_emulator.validation import checks


async def feedback_by_id(call: Call) -> Reply:
    """Form A, ``POST /feedback/{id}``: ``data`` merges into what was said before, key by key."""
    call.authenticate()
    take_plain(call)
    body = call.json()
    data = checks.obj(checks.required(body, "data"), "data")
    call.core.state.feedback.setdefault(call.params["id"], {}).update(data)
    return Reply({"status": "ok"})


async def feedback_by_request(call: Call) -> Reply:
    """Form B, ``POST /v1/feedback``: a rating for a request id."""
    call.authenticate()
    take_plain(call)
    body = call.json()
    identity = checks.string(checks.required(body, "request_id"), "request_id", empty=False)
    rating = checks.one_of(checks.required(body, "rating"), "rating", ("thumbs_up", "thumbs_down"))
    call.core.state.feedback.setdefault(identity, {})["rating"] = rating
    return Reply({"status": "ok"})
