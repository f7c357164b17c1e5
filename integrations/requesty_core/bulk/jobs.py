"""The two kinds of bulk work: what a row asks, how some rows are asked at once, and what came of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from msgspec.structs import replace

from requesty_core.client import AsyncRequestyClient
from requesty_core.embeddings.replies import EmbeddingsError
from requesty_core.errors import AnswerFormatError, ConfigurationError, RequestyError
from requesty_core.money.usage import Usage
from requesty_core.replies.attempts import Attempt
from requesty_core.replies.reply import ChatReply
from requesty_core.retry.steps import Step

from .answers import Answers
from .prompts import Messages, value_of
from .records import Record, error_of, kept_reply, kept_vector, key_of, reply_of, vector_of
from .rows import Row

__all__ = ["ChatJob", "EmbedJob", "Job", "Outcome", "Task"]


@dataclass(frozen=True, slots=True)
class Task:
    """A row that has to be asked.

    Attributes:
        request: messages, or a text.
        key: of the request.
    """

    position: int
    row: Any
    line: int | None
    request: Any
    key: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one row in one request: an answer, or an error, or an answer that is of no use and its error."""

    reply: ChatReply | None = None
    value: Any = None
    vector: Any = None
    error: RequestyError | None = None

    @property
    def is_done(self) -> bool:
        """Whether it is settled for good: the model answered."""
        return self.error is None or self.reply is not None


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of one request: an outcome for each of its rows, and the attempts that it took."""

    outcomes: Sequence[Outcome]
    attempts: Sequence[Attempt]
    usage: Usage | None = None


class Job(Protocol):
    """A kind of work."""

    kind: str
    batch_size: int
    """Most rows in one request."""

    def request_of(self, row: Any) -> Any:
        """What a row asks. Raises :class:`ConfigurationError`."""

    async def ask(self, client: AsyncRequestyClient, tasks: Sequence[Task]) -> Asked:
        """Ask once. What goes wrong is in the outcomes."""

    def record(self, task: Task, outcome: Outcome, usage: Usage | None) -> Record:
        """A row as it is kept."""

    def outcome(self, record: Record) -> Outcome:
        """What was kept of a row that is settled."""


class ChatJob:
    """One chat for each row."""

    kind = "chat"
    batch_size = 1

    def __init__(
        self, model: str | Step, messages: Callable[[Any], Messages], answers: Answers, params: Mapping[str, Any]
    ) -> None:
        self._model = model
        self._messages = messages
        self._answers = answers
        self._params = {**params, **answers.params}

    def request_of(self, row: Any) -> Messages:
        """Its messages."""
        return self._messages(row)

    async def ask(self, client: AsyncRequestyClient, tasks: Sequence[Task]) -> Asked:
        """One chat. The run repeats what failed, so the client does not."""
        (task,) = tasks
        try:
            reply = await client.chat(model=self._model, messages=task.request, **{**self._params, "max_retries": 0})
        except RequestyError as error:
            return Asked([Outcome(error=error)], error.attempts)
        return Asked([self._read(reply)], reply.attempts, reply.usage)

    def _read(self, reply: ChatReply) -> Outcome:
        try:
            return Outcome(reply=reply, value=self._answers.read(reply))
        except AnswerFormatError as error:
            return Outcome(reply=reply, error=error)

    def record(self, task: Task, outcome: Outcome, usage: Usage | None) -> Record:
        """The whole reply, or the error."""
        reply = None if outcome.reply is None else kept_reply(outcome.reply)
        return _record(task, outcome, usage, reply=reply)

    def outcome(self, record: Record) -> Outcome:
        """The reply, read by the schema again."""
        if record.reply is None:
            raise ConfigurationError(f"checkpoint: row {record.at} holds no answer; remove the file")
        reply = reply_of(record.reply)
        error = error_of(record)
        return self._read(reply) if error is None else Outcome(reply=reply, error=error)


class EmbedJob:
    """Many texts in one request.

    A request that was refused for a text is tried in halves by the client, so that only the text itself fails.
    """

    kind = "embed"

    def __init__(self, model: str, text: Callable[[Any], str], params: Mapping[str, Any], *, batch_size: int) -> None:
        self._model = model
        self._text = text
        self._params = params
        self.batch_size = batch_size

    def request_of(self, row: Any) -> str:
        """Its text."""
        return self._text(row)

    async def ask(self, client: AsyncRequestyClient, tasks: Sequence[Task]) -> Asked:
        """One batch."""
        texts = [task.request for task in tasks]
        # The run's own limit holds; the client's line would hold every batch back a second time.
        params = {**self._params, "max_retries": 0, "batch_size": len(texts), "max_in_flight": 1_000_000}
        try:
            reply = await client.embeddings(model=self._model, input=texts, **params)
        except EmbeddingsError as error:
            return Asked(_partial(error, len(texts)), error.attempts, error.usage)
        except RequestyError as error:
            return Asked([Outcome(error=error)] * len(texts), error.attempts)
        return Asked([Outcome(vector=vector) for vector in reply.arrays], reply.attempts, reply.usage)

    def record(self, task: Task, outcome: Outcome, usage: Usage | None) -> Record:
        """The vector, or the error."""
        vector = None if outcome.vector is None else kept_vector(outcome.vector)
        return _record(task, outcome, usage, vector=vector)

    def outcome(self, record: Record) -> Outcome:
        """The vector."""
        if record.vector is None:
            raise ConfigurationError(f"checkpoint: row {record.at} holds no vector; remove the file")
        return Outcome(vector=vector_of(record.vector))


def _partial(error: EmbeddingsError, count: int) -> list[Outcome]:
    from array import array

    vectors = error.vectors or (None,) * count
    return [
        Outcome(error=error.input_errors.get(at, error)) if vector is None else Outcome(vector=array("f", vector))
        for at, vector in enumerate(vectors)
    ]


def _record(task: Task, outcome: Outcome, usage: Usage | None, **kept: Any) -> Record:
    error = outcome.error
    return Record(
        task.key,
        task.position,
        outcome.is_done,
        **kept,
        error=None if error is None else error.message,
        error_class=None if error is None else type(error).__name__,
        status=None if error is None else error.status,
        usage=None if usage is None else replace(usage, raw={}),
    )


def task_of(job: Job, row: Row, identity: str | None) -> Task:
    """The task of a row; ``identity`` is the column that tells apart rows that ask the same.

    Raises :class:`ConfigurationError` for a row that asks nothing.
    """
    value, position = row.value, row.position
    try:
        request = job.request_of(value)
        key = key_of(request if identity is None else [request, value_of(value, identity, "identity")])
        return Task(position, value, row.line, request, key)
    except RequestyError:
        raise
    except (TypeError, NotImplementedError) as error:
        raise ConfigurationError(f"rows: what row {position} asks is no JSON ({error})") from None
