"""One request on its way through the gateway, and the ASGI endpoint that carries it."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope, Send

from requesty_emulator.errors import GatewayError, bad_request
from requesty_emulator.gateway.billing import Usage
from requesty_emulator.gateway.core import Core
from requesty_emulator.gateway.delivery import Reply, deliver, error_reply
from requesty_emulator.gateway.faults import Fault
from requesty_emulator.gateway.guardrails import mask_json
from requesty_emulator.gateway.link import Link, link_of
from requesty_emulator.gateway.records import LedgerEntry, RecordedRequest, now
from requesty_emulator.gateway.settings import Settings
from requesty_emulator.gateway.state import Key
from requesty_emulator.models.model import Model

logger = logging.getLogger("requesty_emulator")
Handler = Callable[["Call"], Awaitable[Reply]]


class Call:
    """A request in flight: what came in, whose it is, what disturbs it, and what it will cost."""

    def __init__(self, core: Core, record: RecordedRequest, link: Link, params: Mapping[str, str], style: str) -> None:
        self.core = core
        self.record = record
        self.link = link
        self.params = params
        self.style = style
        self.fault: Fault = Fault()
        self.key: Key | None = None
        self.model: Model | None = None
        self.usage = Usage()
        self.kind = "chat"
        self.query_string = ""
        self._billed = False

    @property
    def settings(self) -> Settings:
        """The emulator's switches."""
        return self.core.settings

    @property
    def headers(self) -> dict[str, str]:
        """Request headers with lower-case names."""
        return self.record.headers

    def authenticate(self, *, x_api_key: bool = False, scope: str = "completions", level: str = "write") -> Key:
        """Check the key and its permission; every route but the public lists begins here."""
        key = self.core.state.authenticate(self.headers, x_api_key=x_api_key)
        self.record.key_id = key.id
        self.key = key
        if not key.may(scope, level):
            raise GatewayError(403, f"{scope} {level} permission required", "router")
        return key

    def json(self) -> dict[str, Any]:
        """The body as a JSON object, or the contract's 400."""
        kind = self.headers.get("content-type", "")
        if "json" not in kind:
            raise bad_request(f"content-type must be application/json, not {kind or 'missing'}")
        try:
            body = msgspec.json.decode(self.record.raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise bad_request("the body is not valid JSON") from exc
        if not isinstance(body, dict):
            raise bad_request("the body must be a JSON object")
        self.record.body = body
        model = body.get("model")
        self.record.model = model if isinstance(model, str) else None
        self.record.stream = body.get("stream") is True
        return mask_json(body) if self.settings.guardrails else body

    def served(self, model: Model, usage: Usage, kind: str, shown_model: str) -> None:
        """Note what answers and what it will cost; :meth:`settle` bills it."""
        self.model, self.usage, self.kind = model, usage, kind
        self.record.response_model = shown_model
        self.record.provider = model.provider

    def settle(self, share: float = 1.0) -> None:
        """Bill the call once. ``share`` is the part of the output that was delivered before the client left."""
        if self._billed or self.model is None or self.key is None:
            return
        self._billed = True
        usage = self.usage
        if share < 1.0:
            usage.completion = int(usage.completion * share)
            usage.reasoning = min(usage.reasoning, usage.completion)
            usage.price(self.model)
        record = self.record
        record.cost = usage.cost
        record.usage = usage.chat()
        meta = record.requesty
        self.core.state.bill(
            LedgerEntry(
                at=now(),
                kind=self.kind,
                key_id=self.key.id,
                group_id=self.key.group_id,
                model_requested=record.model or "",
                model_used=self.model.id,
                provider_used=self.model.provider,
                spend=usage.cost,
                input_tokens=usage.prompt,
                output_tokens=usage.completion,
                user_id=meta.get("user_id") or (record.body or {}).get("user"),
                trace_id=meta.get("trace_id"),
                origin_title=record.headers.get("x-title"),
                tags=tuple(meta.get("tags") or ()),
                extra={**_header_labels(record.headers), **(meta.get("extra") or {})},
                request_id=record.request_id,
            )
        )


def _header_labels(headers: Mapping[str, str]) -> dict[str, str]:
    """``X-Requesty-*`` analytics headers as groupable labels, ``none`` values left out."""
    prefix = "x-requesty-"
    return {
        name[len(prefix) :].replace("-", "_"): value
        for name, value in headers.items()
        if name.startswith(prefix) and value and value != "none"
    }


class Endpoint:
    """ASGI application of one route: records the request, runs the handler, delivers its reply."""

    def __init__(self, core: Core, handler: Handler, style: str = "openai") -> None:
        self.core = core
        self.handler = handler
        self.style = style

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; whatever happens, the answer is one of the documented bodies."""
        headers, doubled = _headers(scope)
        raw, too_large = await _read(receive, self.core.settings.max_body_bytes)
        record = RecordedRequest(
            method=scope["method"],
            path=scope["path"],
            headers=headers,
            raw=raw,
            query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            started=time.time(),
            request_id=self.core.state.new_id(),
        )
        call = Call(self.core, record, link_of(scope), scope.get("path_params") or {}, self.style)
        call.query_string = scope["query_string"].decode("latin-1")
        self.core.opened(record)
        try:
            reply = await self._reply(call, doubled, too_large)
            await deliver(call, reply, send)
        finally:
            self.core.closed(record)

    async def _reply(self, call: Call, doubled: str | None, too_large: bool) -> Reply:
        try:
            if too_large:
                raise GatewayError(413)
            if doubled:
                raise bad_request(f"header {doubled!r} is sent more than once")
            return await self.handler(call)
        except GatewayError as error:
            self.core.retry_headers(error)
            return error_reply(error, self.style)
        except Exception:
            logger.exception("the emulator failed on %s %s", call.record.method, call.record.path)
            return error_reply(GatewayError(500, "The emulator failed; see its log"), self.style)


def _headers(scope: Scope) -> tuple[dict[str, str], str | None]:
    headers: dict[str, str] = {}
    doubled = None
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        if key in headers and key in ("authorization", "x-api-key", "content-type"):
            doubled = key
        headers[key] = f"{headers[key]}, {value.decode('latin-1')}" if key in headers else value.decode("latin-1")
    return headers, doubled


async def _read(receive: Receive, limit: int) -> tuple[bytes, bool]:
    """The body up to ``limit`` bytes; the rest is read and dropped so that the answer reaches the client."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body = message.get("body", b"")
        size += len(body)
        if size <= limit:
            parts.append(body)
        if not message.get("more_body"):
            break
    return b"".join(parts), size > limit
