"""The neutral language of the matrix: what is asked, what came back, and what a driver must be able to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel

from requesty_core import CostLedger
from requesty_core.errors import ErrorKind, RequestyError
from requesty_emulator import GatewayEmulator

T = TypeVar("T")
Wire = dict[str, Any]


class Mode(StrEnum):
    """The four ways to ask."""

    SYNC = "sync"
    ASYNC = "async"
    STREAM = "stream"
    ASTREAM = "async stream"

    @property
    def streams(self) -> bool:
        return self in (Mode.STREAM, Mode.ASTREAM)

    @property
    def is_async(self) -> bool:
        return self in (Mode.ASYNC, Mode.ASTREAM)


ALL = tuple(Mode)
UNARY = (Mode.SYNC, Mode.ASYNC)
STREAMS = (Mode.STREAM, Mode.ASTREAM)
BOTH = (Mode.SYNC, Mode.ASYNC)


@dataclass(frozen=True)
class Ask:
    """One question. Messages and tools are in wire form; a driver turns them into its framework's own objects."""

    messages: Sequence[Wire] = ({"role": "user", "content": "How are you?"},)
    tools: Sequence[Wire] = ()
    tool_choice: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    schema: type[BaseModel] | None = None
    method: str = "json_schema"
    on_text: Callable[[str], None] | None = None
    stop_after: int | None = None


@dataclass
class Call:
    """A tool call; ``arguments`` parsed, or the raw text where it is not a JSON object."""

    name: str
    arguments: Any
    id: str


@dataclass
class Outcome:
    """What the user of a framework could read off its reply."""

    text: str = ""
    pieces: list[str] = field(default_factory=list)
    reasoning: str = ""
    signature: str | None = None
    calls: list[Call] = field(default_factory=list)
    finish_reason: str | None = None
    refusal: str | None = None
    citations: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    parsed: Any = None
    partials: list[Any] = field(default_factory=list)
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cost: float | None = None
    requested: str | None = None
    served: str | None = None
    request_id: str | None = None
    attempts: list[tuple[str, str]] = field(default_factory=list)
    logprobs: int | None = None
    choices: int = 1
    native: Any = None


@dataclass
class Failure:
    """What the user of a framework could read off its exception."""

    kind: ErrorKind | None
    status: int | None
    partial: str
    partial_cost: float | None
    request_id: str | None
    attempts: list[tuple[str, str]]
    retry_after: float | None
    error: BaseException


@dataclass
class Embedded:
    """Vectors and their price."""

    vectors: list[list[float]]
    input_tokens: int | None = None
    cost: float | None = None


class Driver:
    """How one adapter is used. ``lacks`` says in one line why a need of a scenario does not apply to it."""

    name: ClassVar[str]
    lacks: ClassVar[Mapping[str, str]] = {}

    def build(self, model: str, **settings: Any) -> Any:
        """The adapter's object."""
        raise NotImplementedError

    def call(self, built: Any, ask: Ask) -> Outcome:
        raise NotImplementedError

    async def acall(self, built: Any, ask: Ask) -> Outcome:
        raise NotImplementedError

    def stream(self, built: Any, ask: Ask) -> Outcome:
        raise NotImplementedError

    async def astream(self, built: Any, ask: Ask) -> Outcome:
        raise NotImplementedError

    def embed(self, texts: Sequence[str], settings: Mapping[str, Any]) -> Embedded:
        raise NotImplementedError

    async def aembed(self, texts: Sequence[str], settings: Mapping[str, Any]) -> Embedded:
        raise NotImplementedError

    def serialised(self, built: Any) -> str | None:
        """The framework's own serialised form as text; ``None`` if it has none."""
        return None

    def restored(self, built: Any, settings: Mapping[str, Any]) -> Any:
        """The object after a round trip through the framework's own serialisation, given its key again."""
        raise NotImplementedError

    async def agent(self, built: Any, tool: Callable[[str], str], prompt: str) -> str:
        """The answer of the framework's agent that may call one tool, a function of a city."""
        raise NotImplementedError

    def failure(self, error: BaseException) -> Failure:
        """The details of an exception; most adapters raise the core's error, possibly as a cause."""
        found: BaseException | None = error
        while found is not None and not isinstance(found, RequestyError):
            found = found.__cause__
        if not isinstance(found, RequestyError):
            return Failure(None, None, "", None, None, [], None, error)
        partial = found.partial
        cost = None if partial is None or partial.usage is None else partial.usage.cost
        return Failure(
            kind=found.kind,
            status=found.status,
            partial="" if partial is None else partial.text,
            partial_cost=None if cost is None else float(cost),
            request_id=found.request_id,
            attempts=[(attempt.model, attempt.outcome) for attempt in found.attempts],
            retry_after=found.retry_after,
            error=error,
        )


@dataclass
class Case:
    """One cell: a scenario told through one driver in one mode."""

    driver: Driver
    mode: Mode
    gw: GatewayEmulator

    def connection(self, **settings: Any) -> dict[str, Any]:
        """Constructor settings that point at the emulator."""
        return {"base_url": self.gw.base_url, "api_key": self.gw.api_key, **settings}

    def build(self, model: str = "openai/gpt-4o-mini", **settings: Any) -> Any:
        return self.driver.build(model, **self.connection(**settings))

    def ask_of(self, built: Any, ask: Ask | None = None, **fields: Any) -> Outcome:
        """Ask an object that was built before."""
        question = ask or Ask(**fields)
        if self.mode is Mode.SYNC:
            return self.driver.call(built, question)
        if self.mode is Mode.STREAM:
            return self.driver.stream(built, question)
        if self.mode is Mode.ASYNC:
            return run(self.driver.acall(built, question))
        return run(self.driver.astream(built, question))

    def ask(self, ask: Ask | None = None, *, model: str = "openai/gpt-4o-mini", **settings: Any) -> Outcome:
        """Build and ask once."""
        return self.ask_of(self.build(model, **settings), ask or Ask())

    def fail(self, ask: Ask | None = None, *, model: str = "openai/gpt-4o-mini", **settings: Any) -> Failure:
        """Build and ask once, expecting an error."""
        return self.fail_of(self.build(model, **settings), ask or Ask())

    def fail_of(self, built: Any, ask: Ask | None = None) -> Failure:
        try:
            outcome = self.ask_of(built, ask or Ask())
        except Exception as error:  # noqa: BLE001 -- the driver tells what it is, and an unknown one fails the check
            return self.driver.failure(error)
        raise AssertionError(f"no error but {outcome.text!r}")

    def embed(self, texts: Sequence[str], **settings: Any) -> Embedded:
        arguments = self.connection(**settings)
        if self.mode.is_async:
            return run(self.driver.aembed(texts, arguments))
        return self.driver.embed(texts, arguments)

    @property
    def body(self) -> Wire:
        """Body of the last request the gateway saw."""
        return self.gw.last_request.body  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Scenario:
    """One story. ``needs`` are capabilities a driver may lack, with its reason."""

    id: str
    group: str
    title: str
    run: Callable[[Case], None]
    modes: tuple[Mode, ...] = ALL
    needs: frozenset[str] = frozenset()


SCENARIOS: list[Scenario] = []


def scenario(
    group: str, title: str, *, modes: tuple[Mode, ...] = ALL, needs: str = ""
) -> Callable[[Callable[[Case], None]], Callable[[Case], None]]:
    """Put a story on the list."""

    def add(run: Callable[[Case], None]) -> Callable[[Case], None]:
        SCENARIOS.append(
            Scenario(
                run.__name__,
                group,
                title,
                run,
                modes,
                frozenset(need.strip() for need in needs.split(",") if need.strip()),
            )
        )
        return run

    return add


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run on a fresh event loop, so that every asynchronous cell also proves that loops may come and go."""
    return asyncio.run(coroutine)


def arguments_of(text: str) -> Any:
    """Parsed tool arguments, or the text itself."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return text
    return value if isinstance(value, dict) else text


def as_float(cost: Decimal | float | None) -> float | None:
    return None if cost is None else float(cost)


__all__ = [
    "ALL",
    "SCENARIOS",
    "STREAMS",
    "UNARY",
    "Ask",
    "Call",
    "Case",
    "CostLedger",
    "Driver",
    "Embedded",
    "Failure",
    "Mode",
    "Outcome",
    "Scenario",
    "arguments_of",
    "as_float",
    "run",
    "scenario",
]
