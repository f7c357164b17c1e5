"""What the emulator remembers about each request it saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

#: Moments of one answer that are kept; later writes count as part of the last one.
MOST_WRITES = 2_000


@dataclass(slots=True, eq=False, repr=False)
class SentAnswer:
    """What was sent of an answer, as it went out.

    ``data`` are its first bytes, ``size`` counts all; ``writes`` are ``(Unix seconds, bytes)`` of each piece.
    """

    headers: dict[str, str] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)
    size: int = 0
    writes: list[tuple[float, int]] = field(default_factory=list)

    def add(self, at: float, piece: bytes, limit: int) -> None:
        """Note a piece that was sent; ``limit`` is how many bytes of the whole are kept."""
        self.data += piece[: max(limit - len(self.data), 0)]
        self.size += len(piece)
        if len(self.writes) < MOST_WRITES:
            self.writes.append((at, len(piece)))
        else:
            self.writes[-1] = (at, self.writes[-1][1] + len(piece))


@dataclass(slots=True, eq=False, repr=False)
class RecordedRequest:
    """One request as received and how it was answered.

    ``started`` and ``finished`` are Unix seconds; ``cost`` is USD actually billed, ``None`` when the
    request was not billed; ``attempts`` lists ``(model, status)`` of a routing policy's tries. Only the
    ``raw`` bytes of a body are kept; ``body`` is read from them anew each time.
    """

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    query: dict[str, str] = field(default_factory=dict)
    model: str | None = None
    status: int | None = None
    response_model: str | None = None
    provider: str | None = None
    usage: dict[str, Any] | None = None
    cost: Decimal | None = None
    started: float = 0.0
    finished: float | None = None
    disconnected: bool = False
    stream: bool = False
    key_id: str | None = None
    request_id: str = ""
    response_id: str | None = None
    unknown_fields: tuple[str, ...] = ()
    attempts: list[tuple[str, int]] = field(default_factory=list)
    #: Fields and file names of a multipart body; for JSON, whether it was read.
    form: dict[str, Any] | None = None
    is_json: bool = False
    #: Beginning of the last message of the prompt, without its attachments.
    asked: str = ""
    #: Unix seconds at which each of ``attempts`` began and ended.
    attempt_spans: list[tuple[float, float]] = field(default_factory=list)
    #: Why the gateway refused, and who says so; ``fault`` if a scripted fault made it.
    error: str | None = None
    error_origin: str | None = None
    sent: SentAnswer = field(default_factory=SentAnswer)
    #: Bytes that the request log counts for it; 0 once it is dropped.
    counted: int = 0

    def __repr__(self) -> str:
        # Headers hold the key, bodies hold whole prompts: neither belongs into a log line.
        return f"<{self.method} {self.path} model={self.model!r} status={self.status} cost={self.cost}>"

    @property
    def body(self) -> Any:
        """The JSON body, the fields of a multipart one, ``None`` where no route read it."""
        return msgspec.json.decode(self.raw) if self.is_json else self.form

    @property
    def size(self) -> int:
        """Bytes that keeping the request takes, about: its body, its headers, its answer and 2,000 for the rest."""
        headers = sum(len(name) + len(value) for name, value in self.headers.items())
        return len(self.raw) + headers + len(self.sent.data) + 100 * len(self.sent.writes) + 2_000

    @property
    def duration(self) -> float | None:
        """Seconds from the first byte received to the last byte sent, once finished."""
        return None if self.finished is None else self.finished - self.started

    @property
    def requesty(self) -> dict[str, Any]:
        """The ``requesty`` metadata object of the body, or an empty dict."""
        body = self.body
        value = body.get("requesty") if isinstance(body, dict) else None
        return value if isinstance(value, dict) else {}


@dataclass(slots=True)
class LedgerEntry:
    """One billed call, as the management API reports it."""

    at: datetime
    kind: str
    key_id: str
    group_id: str | None
    model_requested: str
    model_used: str
    provider_used: str
    spend: Decimal
    input_tokens: int
    output_tokens: int
    user_id: str | None = None
    trace_id: str | None = None
    origin_title: str | None = None
    tags: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    request_id: str = ""

    def value(self, group_by: str) -> str:
        """The entry's value for a documented ``group_by`` name (``extra.FIELD`` included)."""
        if group_by.startswith("extra."):
            return str(self.extra.get(group_by[6:], ""))
        if group_by == "api_key_id":
            return self.key_id
        if group_by == "is_byok":
            return "false"
        return str(getattr(self, group_by, None) or "")


@dataclass(slots=True)
class WorkedAnswer:
    """An answer that the gateway worked for, whether or not any of it arrived.

    ``cost`` is what the whole answer costs, ``billed`` what was billed of it; ``delivered`` is whether it was sent to
    its end, usage included.
    """

    request_id: str
    key_id: str
    model: str
    user_id: str | None
    cost: Decimal
    billed: Decimal = Decimal(0)
    delivered: bool = False


def now() -> datetime:
    """Current time, UTC."""
    return datetime.now(UTC)
