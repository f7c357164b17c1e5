"""Classes as formats of ``parse`` and ``stream``: what is sent, and how the answer comes back before the SDK parses it.

The SDK's own helper leaves in a schema what strict mode refuses (defaults, ``oneOf``, tuples, sets, a root that is no
object) and forbids absent fields that the class has defaults for. What it made of the class is exchanged in the options
of the request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter

from requesty_core.adapters import answer_text, json_schema_format
from requesty_core.schemas import CompiledSchema, compile_class, compile_schema, legal_name

__all__ = ["WHOLE", "WantedFormat", "is_class", "restore_answer", "sendable", "sending", "wanted", "wanted_format"]


@dataclass(frozen=True, slots=True)
class WantedFormat:
    """What a class stands for in a request.

    Attributes:
        form: the ``json_schema`` object to send: name, schema, and ``strict`` where there is such a form; ``None``
            to send what the SDK made of the class, with every property required.
        compiled: the schema that the answer is restored to; ``None`` leaves it as it came.
    """

    form: Mapping[str, Any] | None
    compiled: CompiledSchema | None


WHOLE = WantedFormat(None, None)
"""The format of a stream: the SDK's helper parses the pieces itself, so nothing can be restored, and the model is made
to write every property, as the SDK's own form does."""

#: The format of the call under way, for the client that sends its request.
_wanted: ContextVar[WantedFormat | None] = ContextVar("_wanted", default=None)


def wanted() -> WantedFormat | None:
    """The format of the call under way in this context."""
    return _wanted.get()


@contextmanager
def sending(form: WantedFormat | None) -> Iterator[None]:
    """Within the block, requests are sent with this format."""
    token = _wanted.set(form)
    try:
        yield
    finally:
        _wanted.reset(token)


def is_class(form: Any) -> bool:
    """Whether the SDK takes this as a class to parse into: a model or a dataclass of Pydantic."""
    return isinstance(form, type) and (issubclass(form, BaseModel) or hasattr(form, "__pydantic_config__"))


def wanted_format(cls: Any) -> WantedFormat | None:
    """The format that a class stands for, strict where there is such a form; ``None`` for anything but a class."""
    if not is_class(cls):
        return None
    compiled = compile_class(cls, _schema_of)
    form = json_schema_format(compiled, cls.__name__, strict=None if compiled.reason else True)
    return WantedFormat(form["json_schema"], compiled)


def _schema_of(cls: type) -> dict[str, Any]:
    return cls.model_json_schema() if issubclass(cls, BaseModel) else TypeAdapter(cls).json_schema()


def sendable(options: Any, form: WantedFormat | None) -> Any:
    """The JSON body of a request with the schema that the SDK made of a class exchanged for one that can be sent."""
    body = options.json_data
    if form is None:
        headers = options.headers
        if not isinstance(headers, Mapping) or headers.get("X-Stainless-Helper-Method") != "chat.completions.stream":
            return body
        form = WHOLE
    if not isinstance(body, Mapping):
        return body
    if options.url == "/chat/completions":
        outer = body.get("response_format")
        inner = outer.get("json_schema") if isinstance(outer, Mapping) else None
        made = _exchanged(inner, form)
        return body if made is None else {**body, "response_format": {"type": "json_schema", "json_schema": made}}
    text = body.get("text")
    if not isinstance(text, Mapping):
        return body
    made = _exchanged(text.get("format"), form)
    return body if made is None else {**body, "text": {**text, "format": {"type": "json_schema", **made}}}


def _exchanged(inner: Any, form: WantedFormat) -> Mapping[str, Any] | None:
    """What is sent in place of ``inner``; ``None`` if it may stay."""
    if form.form is not None:
        return form.form
    if not isinstance(inner, Mapping) or inner.get("strict") is not True or "schema" not in inner:
        return None
    compiled = compile_schema(inner["schema"])
    if compiled.wrapper is not None:
        return None
    full = compiled.full_strict()
    kept = {key: value for key, value in inner.items() if key not in ("strict", "type")}
    sent = {"schema": compiled.plain} if full is None else {"schema": full, "strict": True}
    return {**kept, "name": legal_name(str(inner.get("name") or "")), **sent}


def restore_answer(answer: Any, compiled: CompiledSchema) -> None:
    """Give every text of a completion or a response the form that the class's own schema accepts."""
    for choice in getattr(answer, "choices", None) or ():
        message = choice.message
        if message.content:
            message.content = answer_text(compiled, message.content)
    for item in getattr(answer, "output", None) or ():
        # Other phases than the last are words on the way; the SDK parses none of them.
        if item.type == "message" and getattr(item, "phase", None) in (None, "final_answer"):
            for part in item.content or ():
                if part.type == "output_text" and part.text:
                    part.text = answer_text(compiled, part.text)
