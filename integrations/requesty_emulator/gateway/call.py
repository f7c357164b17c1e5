"""One request on its way through the gateway: whose it is, what disturbs it, what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from requesty_emulator.errors import GatewayError, bad_request
from requesty_emulator.gateway.billing import Usage
from requesty_emulator.gateway.bounds import MAX_NESTING, too_deep
from requesty_emulator.gateway.connection import Connection
from requesty_emulator.gateway.core import Core
from requesty_emulator.gateway.faults import Fault
from requesty_emulator.gateway.guardrails import mask_json
from requesty_emulator.gateway.records import LedgerEntry, RecordedRequest, WorkedAnswer, now
from requesty_emulator.gateway.settings import Settings
from requesty_emulator.gateway.state import Key
from requesty_emulator.models.model import Model

#: Characters of a prompt's end by which a request is recognised in a list.
_ASKED = 160


class Call:
    """A request in flight: what came in, whose it is, what disturbs it, and what it will cost."""

    def __init__(
        self, core: Core, record: RecordedRequest, connection: Connection, params: Mapping[str, str], style: str
    ) -> None:
        self.core = core
        self.record = record
        self.connection = connection
        self.params = params
        self.style = style
        self.fault: Fault = Fault()
        self.key: Key | None = None
        self.model: Model | None = None
        self.usage = Usage()
        self.kind = "chat"
        self.query_string = ""
        self.body: dict[str, Any] = {}
        self._billed = False
        self.worked: WorkedAnswer | None = None

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
        if too_deep(body, MAX_NESTING):
            raise bad_request(f"the body is nested more than {MAX_NESTING} levels deep")
        self.body, self.record.is_json = body, True
        model = body.get("model")
        self.record.model = model if isinstance(model, str) else None
        self.record.stream = body.get("stream") is True
        self.record.asked = asked(body)
        return mask_json(body) if self.settings.guardrails else body

    def served(self, model: Model, usage: Usage, kind: str, shown_model: str) -> None:
        """Note what answers and what it will cost; :meth:`settle` bills it."""
        self.model, self.usage, self.kind = model, usage, kind
        self.record.response_model = shown_model
        self.record.provider = model.provider

    @property
    def requesty(self) -> dict[str, Any]:
        """The ``requesty`` object of the body, or an empty one."""
        value = self.body.get("requesty")
        return value if isinstance(value, dict) else {}

    @property
    def user_id(self) -> str | None:
        """The end user that the request names."""
        return self.requesty.get("user_id") or self.body.get("user")

    def work(self) -> None:
        """Note that the answer was worked for, whatever becomes of it on the wire."""
        if self.model is not None and self.key is not None:
            cost = self.usage.cost
            self.worked = WorkedAnswer(self.record.request_id, self.key.id, self.model.id, self.user_id, cost)
            self.core.state.work(self.worked)

    def delivered(self) -> None:
        """Note that the answer was sent to its end."""
        if self.worked is not None:
            self.worked.delivered = True

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
        if self.worked is not None:
            self.worked.billed = usage.cost
        record.usage = usage.chat()
        meta = self.requesty
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
                user_id=self.user_id,
                trace_id=meta.get("trace_id"),
                origin_title=record.headers.get("x-title"),
                tags=tuple(meta.get("tags") or ()),
                extra={**_header_labels(record.headers), **(meta.get("extra") or {})},
                request_id=record.request_id,
            )
        )


def asked(body: Mapping[str, Any]) -> str:
    """The beginning of the text that a request ends with: its last message's, or its input's."""
    value: Any = body.get("messages") or body.get("input") or body.get("prompt")
    for _ in range(4):
        if isinstance(value, list):
            value = value[-1] if value else None
        elif isinstance(value, dict):
            value = value.get("content") or value.get("text") or value.get("output")
    return value[:_ASKED] if isinstance(value, str) else ""


def _header_labels(headers: Mapping[str, str]) -> dict[str, str]:
    """``X-Requesty-*`` analytics headers as groupable labels, ``none`` values left out."""
    prefix = "x-requesty-"
    return {
        name[len(prefix) :].replace("-", "_"): value
        for name, value in headers.items()
        if name.startswith(prefix) and value and value != "none"
    }
