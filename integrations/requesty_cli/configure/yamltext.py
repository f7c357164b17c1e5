"""YAML changed in place: comments, quotes and order stay, because only the text of what is new is written."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml  # type: ignore[import-untyped,unused-ignore]

from .jsonc import Edit, apply_edits

__all__ = ["edit", "load"]

STEP = 2


def load(text: str) -> Any:
    """The one document of a text, ``None`` for nothing. Raises ``ValueError`` with the place."""
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = "" if mark is None else f"line {mark.line + 1} column {mark.column + 1}: "
        raise ValueError(f"{where}{error.problem or error}") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def edit(text: str, wanted: Any) -> str:
    """The text, changed as little as possible, so that it holds ``wanted``. Nothing is ever removed."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None or (load(text) is None):
        return text + ("" if not text or text.endswith("\n") else "\n") + "\n".join(_block(wanted, 0)) + "\n"
    writer = _Writer(text)
    writer.change(node, load(text), wanted)
    return apply_edits(text, writer.edits)


def _scalar(value: Any) -> str:
    # JSON's scalars are YAML's; text is quoted, which leaves nothing to guess.
    return json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", key) else _scalar(key)


def _block(value: Any, indent: int) -> list[str]:
    """Lines of a value in block style."""
    pad = " " * indent
    lines: list[str] = []
    if isinstance(value, dict) and value:
        for key, held in value.items():
            if isinstance(held, (dict, list)) and held:
                lines += [f"{pad}{_key(key)}:", *_block(held, indent + STEP)]
            else:
                lines.append(f"{pad}{_key(key)}: {_scalar(held)}")
        return lines
    if isinstance(value, list) and value:
        for item in value:
            first, *rest = _block(item, indent + STEP)
            lines += [f"{pad}- {first.lstrip(' ')}", *rest]
        return lines
    return [pad + _scalar(value)]


class _Writer:
    def __init__(self, text: str) -> None:
        self._text = text
        self.edits: list[Edit] = []

    def change(self, node: yaml.Node, held: Any, wanted: Any) -> None:
        if held == wanted and type(held) is type(wanted):
            return
        if isinstance(node, yaml.MappingNode) and isinstance(wanted, dict):
            by_key = {key.value: (key, value) for key, value in node.value}
            for key, (name, value) in by_key.items():
                if key in wanted and held.get(key) != wanted[key]:
                    if held.get(key) is None:
                        self._fill(name, value, wanted[key])
                    else:
                        self.change(value, held[key], wanted[key])
            self._add(node, {k: v for k, v in wanted.items() if k not in held})
        elif isinstance(node, yaml.SequenceNode) and isinstance(wanted, list):
            for item, old, new in zip(node.value, held, wanted, strict=False):
                self.change(item, old, new)
            self._add(node, wanted[len(held) :])
        else:
            self.edits.append((node.start_mark.index, node.end_mark.index, _scalar(wanted)))

    def _fill(self, name: yaml.Node, value: yaml.Node, wanted: Any) -> None:
        """Give a key without a value one."""
        colon = self._text.index(":", name.end_mark.index) + 1
        if isinstance(wanted, (dict, list)) and wanted:
            lines = _block(wanted, name.start_mark.column + STEP)
            end = self._end_of_line(value.end_mark.index if value.value else colon)
            if value.value:
                self.edits.append((value.start_mark.index, value.end_mark.index, ""))
            self.edits.append((end, end, "\n" + "\n".join(lines)))
        elif value.value:
            self.edits.append((value.start_mark.index, value.end_mark.index, _scalar(wanted)))
        else:
            self.edits.append((colon, colon, " " + _scalar(wanted)))

    def _add(self, node: Any, added: Any) -> None:
        """Add members or items at the end of a collection."""
        if not added:
            return
        if node.flow_style:
            at = self._last_end(node) if node.value else node.start_mark.index + 1
            if isinstance(added, dict):
                parts = [f"{_scalar(k)}: {_scalar(v)}" for k, v in added.items()]
            else:
                parts = [_scalar(v) for v in added]
            self.edits.append((at, at, (", " if node.value else "") + ", ".join(parts)))
            return
        lines = "\n".join(_block(added, node.start_mark.column))
        end = self._end_of_line(self._last_end(node))
        self.edits.append((end, end, "\n" + lines))

    def _last_end(self, node: Any) -> int:
        """Where the text of a collection's last leaf ends; the end of a block itself lies behind what follows it."""
        while True:
            if not isinstance(node, yaml.CollectionNode) or (node.flow_style and not node.value):
                break
            last = node.value[-1]
            inner = last[1] if isinstance(last, tuple) else last
            if isinstance(last, tuple) and inner.start_mark.index == inner.end_mark.index:
                return self._text.index(":", last[0].end_mark.index) + 1
            if node.flow_style:
                return int(inner.end_mark.index)
            if isinstance(inner, yaml.CollectionNode) and inner.flow_style:
                return int(inner.end_mark.index)
            node = inner
        index = int(node.end_mark.index)
        # A block scalar ends behind its last line break.
        return len(self._text[:index].rstrip()) if isinstance(node, yaml.ScalarNode) else index

    def _end_of_line(self, at: int) -> int:
        end = self._text.find("\n", at)
        return len(self._text) if end < 0 else end
