"""What a chat call gives back: the complete reply, and the typed events of a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from requesty_core.money.usage import Usage
from requesty_core.values import Value

from .arguments import read_arguments
from .attempts import Attempt

__all__ = [
    "AnnotationDelta",
    "ChatReply",
    "ImageDelta",
    "Message",
    "MessageEnd",
    "MessageStart",
    "ReasoningDelta",
    "RefusalDelta",
    "StreamEvent",
    "TextDelta",
    "ToolCall",
    "ToolCallDelta",
]


class ToolCall(Value, frozen=True):
    """A tool call as received.

    Attributes:
        name: the tool's name.
        arguments: the JSON text as received, valid or not; empty when none was sent. Of a custom tool, its input as
            plain text.
        id: made up only where the gateway sent none, or one that another call of the answer has, because every
            framework needs it to match results.
        type: ``function``, or ``custom`` for a tool that takes plain text.
        extra: fields of the call that this package does not know, such as Gemini's ``extra_content`` with the signature
            that has to be sent back with the call.
        is_cut: whether the answer ended early (token limit, filter) where the arguments should have begun, or in the
            plain text of a custom tool.
    """

    name: str
    arguments: str
    id: str
    type: str = "function"
    extra: Mapping[str, Any] = msgspec.field(default_factory=dict)
    is_cut: bool = False

    def parsed(self) -> dict[str, Any] | None:
        """The arguments as an object, read strictly; ``None`` if they are cut or are no JSON object.

        No arguments at all (nothing, or ``null``) are an empty object: providers send that for a tool without
        parameters.
        """
        return None if self.is_cut else read_arguments(self.arguments)[0]

    def to_wire(self) -> dict[str, Any]:
        """The call as it is sent back in the history."""
        if self.type == "custom":
            return {
                **self.extra,
                "id": self.id,
                "type": "custom",
                "custom": {"name": self.name, "input": self.arguments},
            }
        function = {"name": self.name, "arguments": self.arguments}
        return {**self.extra, "id": self.id, "type": "function", "function": function}


class Message(Value, frozen=True):
    """One choice of a reply.

    Attributes:
        text: the answer; empty if there was none.
        reasoning: reasoning text; empty if there was none.
        reasoning_signature: opaque provider signature to send back with the reasoning in later turns.
        refusal: the model's refusal, if it refused.
        tool_calls: calls of tools the caller declared.
        server_tool_calls: calls the provider ran itself and reported although nobody declared them (web search).
        annotations: citations as received.
        images: generated images as received (``{"type": "image_url", "image_url": {"url": …}}``).
        finish_reason: normalised: stop, length, tool_calls, content_filter, or the raw word if it is another.
        raw_finish_reason: the word as received.
        logprobs: ``{"content": […]}`` as received, pieces of a stream joined.
        extra: fields of the message this package does not know.
    """

    text: str = ""
    reasoning: str = ""
    reasoning_signature: str | None = None
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    server_tool_calls: tuple[ToolCall, ...] = ()
    annotations: tuple[Mapping[str, Any], ...] = ()
    images: tuple[Mapping[str, Any], ...] = ()
    finish_reason: str | None = None
    raw_finish_reason: str | None = None
    logprobs: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = msgspec.field(default_factory=dict)


class ChatReply(Value, frozen=True):
    """A complete chat reply, streamed or not.

    ``text``, ``reasoning``, ``tool_calls`` and the other message fields are those of the first choice;
    ``choices`` has all of them when the caller asked for several.

    Attributes:
        requested_model: the id the answering attempt asked for, as the caller wrote it.
        served_model: the model the gateway names as having answered; often without provider prefix.
        provider: serving provider from ``x-requesty-provider``, if sent.
        request_id: gateway id for support (``x-requesty-request-id``, else ``fly-request-id``).
        usage: tokens and cost; ``None`` if the gateway told nothing.
        attempts: every attempt of this call, failed ones included, in order.
        headers: response headers, lower-case names.
        created: seconds since the epoch, if sent.
        service_tier: the tier that served the call, if sent.
        extra: top-level fields of the body this package does not know.
    """

    message: Message
    id: str | None = None
    requested_model: str = ""
    served_model: str | None = None
    provider: str | None = None
    request_id: str | None = None
    usage: Usage | None = None
    attempts: Sequence[Attempt] = ()
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    created: int | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    choices: Sequence[Message] = ()
    extra: Mapping[str, Any] = msgspec.field(default_factory=dict)

    _unshown = frozenset(("headers", "choices"))

    @property
    def text(self) -> str:
        """The answer's text."""
        return self.message.text

    @property
    def reasoning(self) -> str:
        """The reasoning text."""
        return self.message.reasoning

    @property
    def reasoning_signature(self) -> str | None:
        """The reasoning's signature."""
        return self.message.reasoning_signature

    @property
    def refusal(self) -> str | None:
        """The refusal, if the model refused."""
        return self.message.refusal

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Calls of the caller's tools."""
        return self.message.tool_calls

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ended, normalised."""
        return self.message.finish_reason


def with_attempts(reply: ChatReply, attempts: Sequence[Attempt]) -> ChatReply:
    """The reply, which nobody has seen yet, with the call's attempts."""
    # A copy of it would cost as much as reading the answer did.
    msgspec.structs.force_setattr(reply, "attempts", attempts)
    return reply


class MessageStart(msgspec.Struct, frozen=True, gc=False):
    """The stream is committed to one attempt: what its first chunk said of itself.

    ``is_bare`` tells whether that chunk brought nothing else, as one with a role alone does.
    """

    id: str | None
    served_model: str | None
    created: int | None
    requested_model: str
    is_bare: bool = False


class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of the answer's text; never empty. ``choice`` is the choice's index."""

    text: str
    choice: int = 0


class ReasoningDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of reasoning text (may be empty) and the signature, when the piece carries it."""

    text: str
    signature: str | None = None
    choice: int = 0


class RefusalDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of a refusal."""

    text: str
    choice: int = 0


class ToolCallDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of a tool call.

    ``index`` counts the calls of the reply from 0 in order of appearance, whatever indexes the wire used. ``id`` and
    ``name`` are set on a call's first piece only, and always there; ``arguments`` is a fragment of JSON text.
    """

    index: int
    id: str | None
    name: str | None
    arguments: str
    choice: int = 0


class ImageDelta(msgspec.Struct, frozen=True):
    """A generated image as received."""

    image: dict[str, Any]
    choice: int = 0


class AnnotationDelta(msgspec.Struct, frozen=True):
    """A citation as received."""

    annotation: dict[str, Any]
    choice: int = 0


class MessageEnd(msgspec.Struct, frozen=True):
    """The stream ended properly; ``reply`` is the whole of it, with usage, cost and attempts."""

    reply: ChatReply


StreamEvent = (
    MessageStart | TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta | ImageDelta | AnnotationDelta | MessageEnd
)
