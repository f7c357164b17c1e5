"""A streamed answer, from the core's typed events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic_ai.messages import ModelResponseStreamEvent
from pydantic_ai.models import StreamedResponse

from requesty_core import (
    AsyncChatStream,
    Attempt,
    ChatReply,
    ImageDelta,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    RequestyError,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from requesty_core.adapters import unmapped

from ._citations import citations_of
from ._errors import pydantic_ai_errors
from ._replies import (
    REASONING,
    SYSTEM,
    call_parts,
    failed_attempts,
    file_part,
    finish_reason_of,
    provider_details,
    request_usage,
)
from .provider import NamedStream

__all__ = ["RequestyStreamedResponse"]


@dataclass
class RequestyStreamedResponse(StreamedResponse):
    """The stream of a ``RequestyModel``: usage, cost, served model and attempts are there when it has ended.

    A stream that breaks off raises; what arrived, and what it cost, stays readable in :meth:`get`.
    """

    _model_name: str
    _events: AsyncChatStream | NamedStream
    _first: StreamEvent
    _provider_url: str
    _thinking_tags: tuple[str, str]
    _ignore_leading_whitespace: bool = False
    _timestamp: datetime = field(default_factory=lambda: datetime.now(tz=UTC))
    _usage_received: bool | None = field(default=False, init=False)
    # Text and reasoning have no identity on the wire: every change between them begins a new part.
    _part: str = field(default="", init=False)
    _changes: int = field(default=0, init=False)
    _kind: type[Any] | None = field(default=None, init=False)
    _texts: int = field(default=0, init=False)

    def get_stream_cancel_errors(self) -> tuple[type[BaseException], ...]:
        """What a reader in another task gets when the stream is cancelled under it."""
        return (RequestyError,)

    async def close_stream(self) -> None:
        """Stop; the connection is freed and the provider notices."""
        await self._events.close()

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        with pydantic_ai_errors(self._model_name):
            try:
                for made in self._mapped(self._first):
                    yield made
                async for event in self._events:
                    for made in self._mapped(event):
                        yield made
            except RequestyError as error:
                if error.partial is not None:
                    self._settle(error.partial, error.attempts[:-1])
                raise

    def _mapped(self, event: StreamEvent) -> Sequence[ModelResponseStreamEvent]:
        """The events of one. Raises a typed error with the answer where Pydantic AI's classes do not take it."""
        try:
            if type(event) is not TextDelta:
                return [*self._map(event)]
            if event.choice != 0:
                return ()
            return [
                *self._parts_manager.handle_text_delta(
                    vendor_part_id=self._part if self._kind is TextDelta else self._part_id(TextDelta),
                    content=event.text,
                    thinking_tags=self._thinking_tags,
                    ignore_leading_whitespace=self._ignore_leading_whitespace,
                )
            ]
        except RequestyError:
            raise
        except Exception as error:
            raise unmapped(error, event.reply if isinstance(event, MessageEnd) else None) from error

    def _map(self, event: StreamEvent) -> Iterator[ModelResponseStreamEvent]:
        """The events of one that is no text; only the first choice is streamed."""
        if isinstance(event, MessageEnd):
            self._settle(event.reply, event.reply.attempts)
            yield from self._finish_calls(event.reply)
            yield from self._cite(event.reply)
            return
        if isinstance(event, MessageStart):
            self.provider_response_id = event.id
            self._model_name = event.served_model or self._model_name
            return
        if event.choice != 0:
            return
        if isinstance(event, ReasoningDelta):
            yield from self._parts_manager.handle_thinking_delta(
                vendor_part_id=self._part_id(ReasoningDelta),
                id=REASONING,
                content=event.text or None,
                signature=event.signature,
                provider_name=SYSTEM,
            )
        elif isinstance(event, ToolCallDelta):
            self._kind = ToolCallDelta
            made = self._parts_manager.handle_tool_call_delta(
                vendor_part_id=event.index,
                tool_name=event.name,
                args=event.arguments,
                tool_call_id=event.id,
            )
            if made is not None:
                yield made
        elif isinstance(event, ImageDelta) and (part := file_part(event.image)) is not None:
            self._kind = ImageDelta
            yield self._parts_manager.handle_part(vendor_part_id=None, part=part)

    def _part_id(self, kind: type[Any]) -> str:
        if self._kind is not kind:
            self._kind = kind
            self._changes += 1
            self._part = f"{kind.__name__} {self._changes}"
            self._texts += kind is TextDelta
        return self._part

    def _finish_calls(self, reply: ChatReply) -> Iterator[ModelResponseStreamEvent]:
        """What is known of calls only at the end, so that the part is the one that a complete reply gives."""
        for index, (call, part) in enumerate(zip(reply.tool_calls, call_parts(reply.message), strict=True)):
            if part.args != call.arguments or part.provider_details:
                yield self._parts_manager.handle_tool_call_part(
                    vendor_part_id=index,
                    tool_name=part.tool_name,
                    args=part.args,
                    tool_call_id=part.tool_call_id,
                    provider_name=part.provider_name,
                    provider_details=part.provider_details,
                )

    def _cite(self, reply: ChatReply) -> Iterator[ModelResponseStreamEvent]:
        """Citations, which count into the text as a whole, on the text if it is one part."""
        citations = citations_of(reply.message.annotations, reply.text)
        if citations and self._texts == 1 and self._kind is TextDelta:
            yield from self._parts_manager.handle_text_delta(vendor_part_id=self._part, content="", citations=citations)

    def _settle(self, reply: ChatReply, attempts: Sequence[Attempt]) -> None:
        """Take over what is known at the end; attempts of a ``FallbackModel`` around this one stand first."""
        if reply.usage is not None:
            self._usage = request_usage(reply.usage)
            self._usage_received = True
        self.failed_attempts = [*(self.failed_attempts or ()), *(failed_attempts(attempts) or ())] or None
        self._model_name = reply.served_model or self._model_name
        self.provider_response_id = reply.id
        self.provider_details = provider_details(reply)
        self.finish_reason = finish_reason_of(reply.message)

    @property
    def model_name(self) -> str:
        """The model that answered, as the gateway names it."""
        return self._model_name

    @property
    def provider_name(self) -> str:
        """``requesty``."""
        return SYSTEM

    @property
    def provider_url(self) -> str:
        """Where the request went."""
        return self._provider_url

    @property
    def timestamp(self) -> datetime:
        """When the answer began."""
        return self._timestamp
