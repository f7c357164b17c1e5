"""From a row to what is asked: chat messages, or a text to embed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from requesty_core.errors import ConfigurationError
from requesty_core.settings.checks import shown

__all__ = ["Messages", "Prompt", "messages_maker", "text_maker", "value_of"]

Messages = Sequence[Mapping[str, Any]]
Prompt = str | Callable[[Any], "str | Messages"] | None

_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_SHOWN_COLUMNS = 8


def messages_maker(prompt: Prompt, system: str | None) -> Callable[[Any], Messages]:
    """What makes a row's messages; it raises :class:`ConfigurationError` for a row that has none.

    Args:
        prompt: a text in which ``{name}`` stands for a column (``{{`` and ``}}`` for braces; ``{text}`` for a row that
            is a text), or a function from a row to a text or to messages. Without one, a row is a text, a list of
            messages, or has a column ``messages`` or ``prompt``.
        system: a system message before the others, with the same places.
    """
    make = _maker(prompt, "prompt", _own_messages)
    introduce = None if system is None else _filler(system, "system")

    def messages(row: Any) -> Messages:
        made = make(row)
        if isinstance(made, str):
            made = [{"role": "user", "content": made}]
        elif not _are_messages(made):
            raise ConfigurationError(
                f"prompt: {shown(made)} is neither a text nor a list of messages; give one of these for each row"
            )
        return made if introduce is None else [{"role": "system", "content": introduce(row)}, *made]

    return messages


def text_maker(text: str | Callable[[Any], str] | None) -> Callable[[Any], str]:
    """What makes a row's text to embed; it raises :class:`ConfigurationError` for a row that has none.

    Args:
        text: the name of a column, a text with ``{name}`` in it, or a function. Without one, a row is a text or has a
            column ``text``.
    """
    if isinstance(text, str) and "{" not in text:
        column = text
        make: Callable[[Any], Any] = lambda row: value_of(row, column, "text")  # noqa: E731
    else:
        make = _maker(text, "text", lambda row: row if isinstance(row, str) else value_of(row, "text", "text"))

    def checked(row: Any) -> str:
        made = make(row)
        if not isinstance(made, str):
            raise ConfigurationError(f"text: {shown(made)} is not a text; give the column that holds the texts")
        return made

    return checked


def _maker(given: Any, setting: str, otherwise: Callable[[Any], Any]) -> Callable[[Any], Any]:
    if given is None:
        return otherwise
    if isinstance(given, str):
        return _filler(given, setting)
    if callable(given):
        return given  # type: ignore[no-any-return]
    raise ConfigurationError(
        f"{setting}: {shown(given)} is neither a text nor a function; give 'Label this: {{text}}' or a function"
    )


def _own_messages(row: Any) -> Any:
    if isinstance(row, str) or _are_messages(row):
        return row
    if isinstance(row, Mapping):
        for column in ("messages", "prompt"):
            if row.get(column) is not None:
                return row[column]
    raise ConfigurationError(
        "prompt: the row is no text, no list of messages, and has no column 'messages' or 'prompt'; "
        "give prompt='… {column} …' or a function"
    )


def _are_messages(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, (str, bytes))
        and len(value) > 0
        and all(isinstance(one, Mapping) for one in value)
    )


def _filler(template: str, setting: str) -> Callable[[Any], str]:
    """What fills the places of a template, which is read once."""
    pieces: list[tuple[str, str | None]] = []
    end = 0
    for match in _PLACE.finditer(template):
        literal, name = template[end : match.start()], match.group(1)
        if match.group() in ("{{", "}}"):
            pieces.append((literal + match.group()[0], None))
        elif name is None or not name.strip():
            raise ConfigurationError(
                f"{setting}: a brace that belongs to no column, at {match.start()}; write {{{{ and }}}} for braces"
            )
        else:
            pieces.append((literal, name.strip()))
        end = match.end()
    rest = template[end:]

    def fill(row: Any) -> str:
        made = []
        for literal, name in pieces:
            made.append(literal)
            if name is not None:
                value = value_of(row, name, setting)
                made.append(value if isinstance(value, str) else str(value))
        return "".join(made) + rest

    return fill


def value_of(row: Any, column: str, setting: str) -> Any:
    """What a row has in a column. Raises :class:`ConfigurationError` under the name of a setting."""
    if isinstance(row, Mapping):
        if column in row:
            if row[column] is None:
                raise ConfigurationError(f"{setting}: the column {column!r} of the row is empty")
            return row[column]
        names = [str(name) for name in row]
        more = ", …" if len(names) > _SHOWN_COLUMNS else ""
        raise ConfigurationError(
            f"{setting}: the row has no column {column!r}, but {', '.join(names[:_SHOWN_COLUMNS]) or 'none'}{more}"
        )
    if isinstance(row, str) and column == "text":
        return row
    raise ConfigurationError(f"{setting}: {shown(row)} has no column {column!r}; give rows with columns")
