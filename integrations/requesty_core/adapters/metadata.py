"""What every framework's metadata should hold of a reply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from requesty_core.replies.attempts import Attempt, attempt_dict

if TYPE_CHECKING:
    from requesty_core.money.usage import Usage
    from requesty_core.replies.reply import ChatReply, Message

__all__ = ["attempts_of", "cost_of", "replayed_fields", "reply_metadata", "wire_message"]

# Gemini's signatures of turns without a call, and reasoning as other gateways pass it on: opaque, and wanted back.
_REPLAYED = ("extra_content", "reasoning_details")


def reply_metadata(reply: ChatReply) -> dict[str, Any]:
    """What every framework's metadata should hold, as plain JSON values; keys without a value are left out.

    ``cost`` is USD as a float (the exact ``Decimal`` is in ``reply.usage.cost``).
    """
    values = {
        "requested_model": reply.requested_model,
        "served_model": reply.served_model,
        "provider": reply.provider,
        "service_tier": reply.service_tier,
        "request_id": reply.request_id,
        "cost": cost_of(reply.usage),
        "attempts": attempts_of(reply.attempts),
    }
    return {key: value for key, value in values.items() if value is not None}


def cost_of(usage: Usage | None) -> float | None:
    """USD as a float; ``None`` if the gateway did not say, which is not the same as 0."""
    return None if usage is None or usage.cost is None else float(usage.cost)


def attempts_of(attempts: Iterable[Attempt]) -> list[dict[str, Any]]:
    """Attempts as plain JSON values."""
    return [attempt_dict(attempt) for attempt in attempts]


def wire_message(message: Message) -> dict[str, Any]:
    """Everything a choice holds as the wire's own message; keys without a value are left out, but for ``content``."""
    values = {
        "reasoning_content": message.reasoning or None,
        "reasoning_signature": message.reasoning_signature,
        "refusal": message.refusal,
        "tool_calls": [call.to_wire() for call in message.tool_calls] or None,
        "annotations": [dict(note) for note in message.annotations] or None,
        "images": [dict(image) for image in message.images] or None,
    }
    given = {key: value for key, value in values.items() if value is not None}
    return {**message.extra, "role": "assistant", "content": message.text, **given}


def replayed_fields(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The fields among a message's unknown ones that go back with it in the next turn."""
    return {name: extra[name] for name in _REPLAYED if extra.get(name)}
