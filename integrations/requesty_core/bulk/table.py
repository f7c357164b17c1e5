"""A settled row as columns of a table: what is written to files, and what a dataset gets beside its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from requesty_core.errors import ConfigurationError
from requesty_core.wire.json import encode_json

from .items import BulkItem

__all__ = ["CHAT_COLUMNS", "EMBED_COLUMNS", "check_columns", "columns_of"]

_ALL = ("error", "error_class", "served_model", "input_tokens", "output_tokens", "cost", "resumed")
CHAT_COLUMNS = ("answer", "finish_reason", *_ALL)
EMBED_COLUMNS = ("vector", "error", "error_class", "resumed")


def check_columns(taken: Iterable[str], kind: str) -> None:
    """Raise :class:`ConfigurationError` where a column of the input has the name of one that is added."""
    added = CHAT_COLUMNS if kind == "chat" else EMBED_COLUMNS
    both = sorted({*added} & {*taken})
    if both:
        raise ConfigurationError(f"rows: the column {both[0]!r} is added by the run; rename the one that is there")


def columns_of(item: BulkItem, kind: str, *, parsed: bool = False) -> dict[str, Any]:
    """The columns that are added to a row; ``None`` where there is nothing.

    Args:
        item: the row.
        kind: ``chat`` or ``embed``.
        parsed: whether the answer by a schema is a JSON value; otherwise it is JSON text, as tables need it.
    """
    failed = {
        "error": None if item.error is None else item.error.message,
        "error_class": None if item.error is None else type(item.error).__name__,
    }
    if kind == "embed":
        return {"vector": None if item.vector is None else item.vector.tolist(), **failed, "resumed": item.resumed}
    reply, usage = item.reply, item.usage
    return {
        "answer": _answer(item, parsed=parsed),
        "finish_reason": None if reply is None else reply.finish_reason,
        **failed,
        "served_model": None if reply is None else reply.served_model,
        "input_tokens": None if usage is None else usage.input_tokens,
        "output_tokens": None if usage is None else usage.output_tokens,
        "cost": None if item.cost is None else float(item.cost),
        "resumed": item.resumed,
    }


def _answer(item: BulkItem, *, parsed: bool) -> Any:
    if item.reply is None:
        return None
    if item.value is None or item.error is not None:
        return item.reply.text
    value = _plain(item.value)
    return value if parsed else encode_json(value).decode()


def _plain(value: Any) -> Any:
    """A value by a class as JSON values."""
    import msgspec

    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json")
    return value if isinstance(value, Mapping) else msgspec.to_builtins(value)
