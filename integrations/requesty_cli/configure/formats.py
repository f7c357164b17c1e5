"""File formats: reading a text, and changing it so that it holds some data and is otherwise the same."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from requesty_cli.problems import ExtraMissingError

from . import dotenv, jsonc

__all__ = ["FORMATS", "Format", "FormatError", "change"]


class FormatError(ValueError):
    """A text is not what its format promises, or cannot be changed without touching what is not ours."""


@dataclass(frozen=True, slots=True)
class Format:
    """How to read a text (``None`` for an empty one) and how to change it; both raise ``ValueError``."""

    name: str
    load: Callable[[str], Any]
    edit: Callable[[str, Any], str]


def change(form: Format, text: str, wanted: Any) -> str:
    """The text holding ``wanted``, proven by reading it again. Raises :class:`FormatError`.

    Line ends stay what they are: where every line ends in CR LF, so do the new ones.
    """
    windows = "\r\n" in text and "\n" not in text.replace("\r\n", "")
    changed = ""
    try:
        changed = form.edit(text.replace("\r\n", "\n") if windows else text, wanted)
        is_right = form.load(changed) == wanted
    except ValueError:
        is_right = False
    if not is_right:
        raise FormatError("its layout cannot be extended without touching other settings; add these by hand")
    return changed.replace("\n", "\r\n") if windows else changed


def _load_toml(text: str) -> Any:
    return tomllib.loads(text.lstrip("\ufeff")) or None


def _edit_toml(text: str, wanted: Any) -> str:
    try:
        import tomlkit
        import tomlkit.exceptions
    except ModuleNotFoundError as missing:
        raise ExtraMissingError(missing.name or "tomlkit", "cli") from None
    from tomlkit.items import InlineTable

    def new_table(holder: Any, *, only_tables: bool) -> Any:
        if isinstance(holder, InlineTable):
            return tomlkit.inline_table()
        # A table that only holds tables needs no header of its own.
        return tomlkit.table(is_super_table=only_tables)

    def merge(held: Any, wanted: Mapping[str, Any]) -> None:
        for key, value in wanted.items():
            if not isinstance(value, dict):
                if key not in held or held[key] != value:
                    held[key] = value
            elif isinstance(held.get(key), MutableMapping):
                merge(held[key], value)
            else:
                only_tables = all(isinstance(v, dict) for v in value.values())
                table = new_table(held, only_tables=only_tables)
                merge(table, value)
                if not only_tables and not isinstance(held, InlineTable):
                    table.add(tomlkit.nl())
                held[key] = table

    try:
        document = tomlkit.parse(text)
        merge(document, wanted)
        changed = tomlkit.dumps(document)
    except tomlkit.exceptions.TOMLKitError as error:
        raise ValueError(str(error)) from None
    # The empty line behind a new table parts it from the next one; at the end there is none.
    return changed if text.endswith("\n\n") else changed.rstrip("\n") + "\n"


def _load_yaml(text: str) -> Any:
    return _yaml().load(text)


def _edit_yaml(text: str, wanted: Any) -> str:
    return str(_yaml().edit(text, wanted))


def _yaml() -> Any:
    try:
        from . import yamltext
    except ModuleNotFoundError as missing:
        raise ExtraMissingError("pyyaml" if missing.name == "yaml" else missing.name or "pyyaml", "cli") from None
    return yamltext


FORMATS: Mapping[str, Format] = {
    "json": Format("JSON", jsonc.load, jsonc.edit),
    "toml": Format("TOML", _load_toml, _edit_toml),
    "yaml": Format("YAML", _load_yaml, _edit_yaml),
    "env": Format("NAME=value", dotenv.load, dotenv.edit),
}
"""The formats by the name that applications use."""
