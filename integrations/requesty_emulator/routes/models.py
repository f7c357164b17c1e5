"""``GET /v1/models`` and ``GET /v1/models/managed``."""

from __future__ import annotations

import random
from typing import Any

from requesty_emulator.errors import GatewayError
from requesty_emulator.gateway.call import Call
from requesty_emulator.gateway.delivery import Reply
from requesty_emulator.gateway.routing import take_plain
from requesty_emulator.models.catalogue import catalogue, managed


async def list_models(call: Call) -> Reply:
    """The public catalogue without a key; with one, its approved models plus the policies (documented)."""
    take_plain(call)
    listed = {**catalogue(), **{name: model for name, model in call.core.state.models.items() if "/" in name}}
    entries = [model.entry() for model in listed.values() if model.api in ("chat", "embedding")]
    try:
        key = call.authenticate(scope="completions", level="none")
    except GatewayError:
        # An unknown key was seen to get the public list; only a switch makes it fail.
        if call.settings.models_need_valid_key and call.headers.get("authorization"):
            raise
        return Reply(_page(call, entries))
    approved = call.core.state.approved(key)
    if approved is not None:
        entries = [entry for entry in entries if entry["id"] in approved]
    entries += [
        {"id": f"policy/{name}", "object": "model", "created": 1747765524, "owned_by": "system", "api": "chat"}
        for name in call.core.state.policies
        if approved is None or f"policy/{name}" in approved
    ]
    return Reply(_page(call, entries))


async def list_managed(call: Call) -> Reply:
    """Bare ids of vendor-maintained chains; public (seen by clients in September 2026)."""
    take_plain(call)
    added = {name: model for name, model in call.core.state.models.items() if "/" not in name}
    return Reply(_page(call, [model.entry() for model in {**managed(), **added}.values()]))


def _page(call: Call, entries: list[dict[str, Any]]) -> dict[str, Any]:
    # The real list comes in another order on every call (seen on the wire), so no client may rely on one.
    random.Random(call.record.request_id).shuffle(entries)
    return {"object": "list", "data": entries}
