"""A run before it begins: what was told of it, checked."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from requesty_core.calls.embedding import embeddings_call
from requesty_core.calls.exchanges import chat_exchange
from requesty_core.calls.objects import check_object
from requesty_core.client import AsyncRequestyClient, RequestyClient
from requesty_core.errors import ConfigurationError
from requesty_core.money.budget import Budget, Budgets
from requesty_core.retry.steps import Step
from requesty_core.settings.checks import refuse, shown
from requesty_core.settings.config import check_count, check_seconds

from .answers import Answers
from .checkpoint import Checkpoint, Kept, RunName, named
from .decisions import Rules
from .engine import Engine
from .jobs import ChatJob, EmbedJob, Job
from .limiter import Limiter, limiter_for
from .prompts import Prompt, messages_maker, text_maker
from .records import canonical
from .rows import Row

__all__ = ["Client", "Plan", "chat_plan", "embed_plan"]

Client = AsyncRequestyClient | RequestyClient | None

_STREAK = 20
_WINDOW = 256
_ROUNDS = 4
"""How far rows are read ahead of the reader, in rounds of requests."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a run needs but its rows."""

    job: Job
    client: AsyncRequestyClient
    rules: Rules
    model: str
    settings: Mapping[str, Any]
    checkpoint: str | os.PathLike[str] | None
    progress: bool | None

    def open(self) -> Checkpoint | None:
        """The checkpoint, locked. Raises :class:`ConfigurationError`."""
        return None if self.checkpoint is None else Checkpoint(self.checkpoint, self.name)

    @property
    def name(self) -> RunName:
        """What tells the run from others."""
        return named(self.job.kind, self.model, self.settings)

    @property
    def limiter(self) -> Limiter:
        """The limit that it shares with the process's other runs of the model; kept as long as somebody holds it."""
        return limiter_for(self.client.settings.config.base_url, self.model)

    def engine(self, source: AsyncIterator[Row], checkpoint: Kept | None) -> Engine:
        """The run on the running loop."""
        settings = self.client.settings
        limiter = limiter_for(settings.config.base_url, self.model)
        return Engine(self.job, self.client, limiter, self.rules, checkpoint, source, shared=_shared(settings.budget))


def _shared(budget: Any) -> Callable[[], bool]:
    """Whether others have money of the budget under way, asked while this run has none."""
    return lambda: budget is not None and getattr(budget, "reserved", Decimal(0)) > 0


def chat_plan(
    *,
    model: str | Step,
    prompt: Prompt,
    system: str | None,
    schema: type | Mapping[str, Any] | None,
    client: Client,
    params: Mapping[str, Any],
    **rules: Any,
) -> Plan:
    """A run of chats. Raises :class:`ConfigurationError`."""
    for name in ("messages", "stream", "response_format" if schema is not None else "stream"):
        if name in params:
            raise ConfigurationError(f"{name}: is made for each row; {_INSTEAD[name]}")
    if system is not None and not isinstance(system, str):
        refuse("system", system, "is not a text", "give system='You label reviews.'")
    answers = Answers(schema)
    made = _client(client, rules["budget"])
    # A call that is made and not sent: what is wrong with every row's call is told before the first.
    chat_exchange(made.settings, model, [{"role": "user", "content": "?"}], {**params, **answers.params})
    job = ChatJob(model, messages_maker(prompt, system), answers, params)
    settings = _told(params)
    if answers.form is not None:
        settings["schema"] = canonical(answers.form)
    return _plan(job, model, settings, made, params, rules)


_INSTEAD = {
    "messages": "give prompt=, or rows that are messages",
    "stream": "leave it out",
    "response_format": "leave it out, or give schema= alone",
}


def embed_plan(
    *,
    model: str,
    text: str | Callable[[Any], str] | None,
    batch_size: int,
    client: Client,
    params: Mapping[str, Any],
    **rules: Any,
) -> Plan:
    """A run of embeddings. Raises :class:`ConfigurationError`."""
    for name in ("input", "on_batch", "max_in_flight", "as_lists"):
        if name in params:
            raise ConfigurationError(f"{name}: is for the run to say; leave it out")
    if check_count(batch_size, "batch_size") < 1:
        raise ConfigurationError(f"batch_size: {batch_size!r} is too small; give 1 or more")
    made = _client(client, rules["budget"])
    embeddings_call(made.settings, model, ["?"], dict(params))
    job = EmbedJob(model, text_maker(text), params, batch_size=batch_size)
    return _plan(job, model, _told(params), made, params, rules)


def _told(params: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent with every row, by which two runs are told apart; how it is sent may change between them."""
    own = ("timeout", "max_retries", "fallbacks", "fallback_policy", "options", "extra_headers")
    told = {name: value for name, value in params.items() if name not in own and value is not None}
    try:
        return {name: canonical(value) for name, value in told.items()}
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"params: something of {', '.join(sorted(told))} is no JSON ({error})") from None


def _plan(
    job: Job,
    model: str | Step,
    settings: Mapping[str, Any],
    made: AsyncRequestyClient,
    params: Mapping[str, Any],
    rules: Mapping[str, Any],
) -> Plan:
    most = _positive(rules["concurrency"], "concurrency")
    order = rules["order"]
    if order not in ("input", "completed"):
        refuse("order", order, "is unknown", "give 'input' or 'completed'")
    check_seconds(rules["patience"], "patience", optional=False)
    retries = params.get("max_retries")
    if retries is None:
        retries = made.settings.config.max_retries
    policy = params.get("fallback_policy") or made.settings.policy
    return Plan(
        job,
        made,
        Rules(
            order=order,
            most=most,
            window=max(_WINDOW, _ROUNDS * most * job.batch_size),
            max_retries=check_count(retries, "max_retries"),
            patience=rules["patience"],
            streak=max(_STREAK, 2 * most),
            retry=policy.retry,
            ask_again=bool(rules.get("ask_again")),
            identity=rules.get("identity"),
        ),
        model.model if isinstance(model, Step) else model,
        settings,
        rules["checkpoint"],
        rules["progress"],
    )


def _positive(value: Any, name: str) -> int:
    if check_count(value, name) < 1:
        raise ConfigurationError(f"{name}: {shown(value)} is too small; give 1 or more")
    return int(value)


def _client(client: Client, budget: Budget | None) -> AsyncRequestyClient:
    """The client that asks, with the run's budget beside its own."""
    check_object(budget, "budget")
    if client is None:
        client = AsyncRequestyClient()
    if not isinstance(client, (AsyncRequestyClient, RequestyClient)):
        refuse("client", client, "is no client", "give RequestyClient(…) or AsyncRequestyClient(…)")
    if budget is None and isinstance(client, AsyncRequestyClient):
        return client
    if isinstance(client, RequestyClient) and client.has_own_transport:
        raise ConfigurationError(
            "client: its own transport is synchronous, and a bulk run is not; give an AsyncRequestyClient with an "
            "asynchronous transport, or a client without one"
        )
    settings = client.settings
    if budget is not None:
        both = budget if settings.budget is None else Budgets(settings.budget, budget)
        settings = replace(settings, budget=both)
    if isinstance(client, AsyncRequestyClient):
        return client.with_settings(settings)
    return AsyncRequestyClient(settings=settings)
