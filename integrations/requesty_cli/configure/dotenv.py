"""Files of ``NAME=value`` lines, as Docker Compose and python-dotenv read them."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["edit", "load"]

_LINE = re.compile(
    r"^(?P<head>[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*)(?P<value>.*?)[ \t]*$"
)
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,${}-]*")


def load(text: str) -> dict[str, str] | None:
    """Names and values without quotes and trailing comments; ``None`` for none. Raises ``ValueError`` with the line."""
    values: dict[str, str] = {}
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.match(line)
        if found is None:
            raise ValueError(f"line {number}: no NAME=value")
        values[found["name"]] = _unquoted(found["value"])
    return values or None


def _unquoted(value: str) -> str:
    for quote in ("'", '"'):
        if value.startswith(quote):
            end = value.find(quote, 1)
            if end > 0:
                return value[1:end]
    return re.split(r"\s+#", value, maxsplit=1)[0]


def edit(text: str, wanted: Mapping[str, str]) -> str:
    """The text with every name set; lines that already say so, comments and other names stay as they are."""
    held = load(text) or {}
    lines = text.split("\n")
    for name, value in wanted.items():
        if held.get(name) == value:
            continue
        for number in range(len(lines) - 1, -1, -1):
            found = _LINE.match(lines[number].lstrip("\ufeff"))
            if found is not None and found["name"] == name:
                lines[number] = found["head"] + _quoted(value)
                break
        else:
            if lines[-1].strip():
                lines.append("")
            lines.insert(len(lines) - 1, f"{name}={_quoted(value)}")
    return "\n".join(lines)


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else f'"{value}"'
