"""One user schema in the forms that go over the wire, and the way back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cached_property
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from requesty_core.errors import ConfigurationError
from requesty_core.lifetime import renewed_after_fork

from .flat import Flattener, NoFormError
from .limits import oversize
from .plain import inlined, plain_form
from .pointers import Document
from .restore import Restorer
from .strict import NoStrictFormError, StrictCompiler
from .wellformed import malformed

__all__ = ["CompiledSchema", "compile_class", "compile_schema"]

_MAX_CACHED = 512
#: Levels of JSON, twice or thrice those of objects; the walks recurse, and users' own stacks are below them.
_MAX_NESTING = 200
_WRAPPERS = ("value", "result", "answer", "response", "output")


class CompiledSchema:
    """A JSON schema ready to be sent, and its answers' way back. Made by :func:`compile_schema`; immutable.

    Attributes:
        reason: why there is no strict form: one line that begins with the JSON path; ``None`` if there is one.
        wrapper: property under which the forms hold a schema whose root is no object; ``None`` if its root is one.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._flattener = Flattener(Document(schema))
        self._strict: dict[str, Any] | None = None
        self.wrapper: str | None = None
        self.reason: str | None = None
        self._malformed: str | None = None
        try:
            self._malformed = malformed(schema)
            self.reason = self._malformed
            if self._malformed is None:
                self.wrapper = None if _object_root(schema, self._flattener) else _wrapper(schema)
                self._strict = self._compile()
                self.reason = oversize(self._strict)
        except NoStrictFormError as error:
            self.reason = str(error)
        except RecursionError:
            self.reason = "$: the schema is nested too deeply"
        if self.reason is not None:
            self._strict = None
        self._restorer = Restorer(schema, self._flattener)

    def _compile(self, *, nullable: bool = True) -> dict[str, Any]:
        document = Document(self._schema)
        compiler = StrictCompiler(document, Flattener(document), nullable=nullable)
        return compiler.compile(self._schema, self.wrapper)

    @property
    def strict(self) -> dict[str, Any] | None:
        """A fresh copy of the form that OpenAI's strict mode takes; ``None`` if there is none (see ``reason``)."""
        return None if self._strict is None else _copied(self._strict)

    def full_strict(self) -> dict[str, Any] | None:
        """The strict form whose answers leave nothing out: no null stands for an absent property. ``None`` if none."""
        return None if self._strict is None else _copied(self._full)

    @cached_property
    def _full(self) -> dict[str, Any]:
        return self._compile(nullable=False)

    @property
    def plain(self) -> dict[str, Any]:
        """A fresh copy of the form without strict mode: what the user wrote, complete in itself, object at the root."""
        return _copied(self._plain)  # type: ignore[no-any-return]

    @property
    def inlined(self) -> dict[str, Any]:
        """A fresh copy of the plain form with its references written out, where they end; else as :attr:`plain`."""
        return _copied(self._inlined)  # type: ignore[no-any-return]

    @cached_property
    def _inlined(self) -> dict[str, Any]:
        return self._plain if self.recursive else inlined(self._plain)

    @cached_property
    def _plain(self) -> dict[str, Any]:
        if self._malformed is not None:
            # What is wrong about it is for the provider to say.
            return self._schema
        return plain_form(Document(self._schema), self._flattener, self.wrapper)

    @cached_property
    def recursive(self) -> bool:
        """Whether the schema contains itself, so that its references cannot be written out."""
        definitions = self._plain.get("$defs") or {}
        inner = {name: _references(node) for name, node in definitions.items()}
        for name in inner:
            seen: set[str] = set()
            todo = list(inner[name])
            while todo:
                found = todo.pop()
                if found == name:
                    return True
                if found not in seen:
                    seen.add(found)
                    todo += inner.get(found, ())
        return False

    def require_strict(self, where: str) -> dict[str, Any]:
        """The strict form. Raises :class:`ConfigurationError` with the reason, under the name of the setting."""
        made = self.strict
        if made is None:
            raise ConfigurationError(f"{where}: the schema has no strict form: {self.reason}; leave strict out")
        return made

    def restore(self, answer: Any) -> Any:
        """An answer under the strict or plain form, as the user's own schema takes it.

        The property that wrapped the root is taken off, and a null that stands for an absent optional property is
        taken out, at every depth. What the user's schema accepts comes back unchanged, as does what it cannot accept;
        nothing is checked here. ``answer`` itself is never changed.
        """
        if self._malformed is not None:
            return answer
        if self.wrapper is not None and isinstance(answer, dict) and answer.keys() == {self.wrapper}:
            answer = answer[self.wrapper]
        try:
            return self._restorer.restore(answer)
        except RecursionError:
            return answer


def _object_root(schema: dict[str, Any], flattener: Flattener) -> bool:
    try:
        flat = flattener.flat(schema)
    except NoFormError:
        return schema.get("type") == "object" and not schema.keys() & {"anyOf", "oneOf", "allOf", "enum", "const"}
    if not isinstance(flat, dict) or flat.get("type") != "object":
        return False
    return not flat.keys() & {"enum", "const", "not"}


def _wrapper(schema: dict[str, Any]) -> str:
    """A property name that the schema itself does not use, so that wrapped and bare answers cannot be confused."""
    text = msgspec.json.encode(schema).decode()
    return next((name for name in _WRAPPERS if f'"{name}"' not in text), "requesty_value")


def _deeper(value: Any, levels: int) -> bool:
    """Whether a JSON value is nested more deeply."""
    if not isinstance(value, (dict, list)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper(item, levels - 1) for item in inner)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value


def _references(node: Any) -> set[str]:
    """Names of the definitions that a plain form's node refers to."""
    if isinstance(node, list):
        return {name for item in node for name in _references(item)}
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"].removeprefix("#/$defs/")} if isinstance(node.get("$ref"), str) else set()
    return own | {name for value in node.values() for name in _references(value)}


class _Cache:
    """The most recently used compiled schemas, by their content."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[bytes, CompiledSchema] = OrderedDict()
        self._lock = Lock()
        renewed_after_fork(self)

    def _after_fork(self) -> None:
        self._lock = Lock()

    def get(self, key: bytes) -> CompiledSchema:
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
                return known
        # The key is the whole schema as JSON: what is compiled shares nothing with the user's objects.
        schema = msgspec.json.decode(key)
        if _deeper(schema, _MAX_NESTING):
            raise ConfigurationError(f"schema: is nested more than {_MAX_NESTING} levels deep; use references")
        made = CompiledSchema(schema)
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return made


_cache = _Cache(_MAX_CACHED)
_classes: WeakKeyDictionary[type, CompiledSchema] = WeakKeyDictionary()


def compile_schema(schema: Mapping[str, Any]) -> CompiledSchema:
    """The compiled form of a JSON schema (draft 7 to 2020-12), kept for the next call with the same content.

    Args:
        schema: the user's schema; it is neither changed nor kept. Values that JSON cannot hold (a default that is an
            object of a class) are read as text.

    Raises:
        ConfigurationError: it is no JSON object, or nested more than 200 levels deep.
    """
    if not isinstance(schema, Mapping):
        raise ConfigurationError(f"schema: must be a JSON schema (a mapping), not {type(schema).__name__}")
    try:
        key = _encoder.encode(schema if isinstance(schema, dict) else dict(schema))
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"schema: is not JSON: {error}") from None
    return _cache.get(key)


def compile_class(cls: type, schema_of: Callable[[type], Mapping[str, Any]]) -> CompiledSchema:
    """The compiled schema of a class, made once while the class lives.

    Args:
        cls: the class.
        schema_of: gives the class's JSON schema; called only the first time.
    """
    known = _classes.get(cls)
    if known is None:
        known = _classes[cls] = compile_schema(schema_of(cls))
    return known


def _as_text(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


_encoder = msgspec.json.Encoder(enc_hook=_as_text)
