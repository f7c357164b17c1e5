"""What every framework's metadata should hold of a reply."""

from __future__ import annotations

from typing import Any

from requesty_core.replies.attempts import attempt_dict
from requesty_core.replies.reply import ChatReply

__all__ = ["reply_metadata"]


def reply_metadata(reply: ChatReply) -> dict[str, Any]:
    """What every framework's metadata should hold, as plain JSON values; keys without a value are left out.

    ``cost`` is USD as a float (the exact ``Decimal`` is in ``reply.usage.cost``).
    """
    usage = reply.usage
    values = {
        "requested_model": reply.requested_model,
        "served_model": reply.served_model,
        "provider": reply.provider,
        "request_id": reply.request_id,
        "cost": None if usage is None or usage.cost is None else float(usage.cost),
        "attempts": [attempt_dict(a) for a in reply.attempts],
    }
    return {key: value for key, value in values.items() if value is not None}
