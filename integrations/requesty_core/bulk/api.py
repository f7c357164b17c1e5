"""Bulk work: a chat or an embedding for each row, resumable, within a budget, at the pace that the provider bears."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, cast

from requesty_core.money.budget import Budget
from requesty_core.retry.steps import Step

from .outbox import Order
from .plan import Client, chat_plan, embed_plan
from .prompts import Prompt
from .runs import AsyncBulkRun, BulkRun
from .spread import is_dataset, on_ray

__all__ = ["abulk_chat", "abulk_embed", "bulk_chat", "bulk_embed"]


def bulk_chat(
    rows: object,
    *,
    model: str | Step,
    prompt: Prompt = None,
    system: str | None = None,
    schema: type | Mapping[str, Any] | None = None,
    client: Client = None,
    checkpoint: str | os.PathLike[str] | None = None,
    order: Order = "input",
    concurrency: int = 32,
    budget: Budget | None = None,
    progress: bool | None = None,
    patience: float = 300.0,
    ask_again: bool = False,
    **params: Any,
) -> BulkRun:
    """Ask a model about each row. On a ``ray.data.Dataset``: :func:`requesty_ray.bulk_chat`, which returns a dataset.

    Args:
        rows: an iterable, the path of a ``.jsonl``, ``.csv``, ``.tsv`` or ``.parquet`` file, or a table of pandas,
            polars or Arrow. Read as it is needed: any number of rows takes the same memory.
        model: model id, or a :class:`Step`.
        prompt: a text in which ``{column}`` stands for what the row has there (``{text}`` for a row that is a text),
            or a function from a row to a text or to messages. Without one, rows are texts or messages, or have a
            column ``messages`` or ``prompt``.
        system: a system message, with the same places.
        schema: what an answer is to be: a JSON schema, a pydantic model, a dataclass, a TypedDict or a msgspec Struct.
            :attr:`BulkItem.value` has it; an answer that does not fit has an :class:`AnswerFormatError`. A class checks
            the answer; for a JSON schema it is read as JSON, and the provider's strict mode holds it to the schema.
        client: whose settings, ledger and fallbacks are used; default: one made from the environment.
        checkpoint: a file to which rows are written as they are settled. A rerun with the same rows and settings asks
            only what is missing, failed rows included.
        order: ``"input"``, or ``"completed"`` for rows as they are settled.
        concurrency: most requests at a time. It begins with 8, grows while all is well, is halved when the provider
            refuses (429, or overloaded), and all wait as long as a Retry-After says. Runs of a process that ask one
            model share that limit.
        budget: for this run; beside the client's, if that has one.
        progress: ``True`` for a bar, ``False`` for none; by default one on a terminal, if ``tqdm`` is installed.
        patience: seconds for which refusals for too many requests are borne without a single answer.
        ask_again: ask rows of the checkpoint again whose answer did not fit the schema; this costs again.
        params: as of :meth:`RequestyClient.chat`: wire fields and call-time options. ``max_retries`` is the number of
            repetitions of each row after failures of other kinds; the run makes them, and the client none besides.

    Raises:
        ConfigurationError: at once: an argument is unusable, the file cannot be read, the checkpoint is that of another
            run or in use. From the iteration: the first row is not that of the checkpoint.
        RequestyError: from the iteration, after all that was settled: the key or the balance is refused, the budget is
            spent, the server asks for a longer wait than the client's policy grants, or nothing but failures came for
            20 rows (or twice ``concurrency``) on end.
    """
    if is_dataset(rows):
        return cast("BulkRun", on_ray("bulk_chat", rows, bulk_chat, locals()))
    plan = chat_plan(
        model=model,
        prompt=prompt,
        system=system,
        schema=schema,
        client=client,
        checkpoint=checkpoint,
        order=order,
        concurrency=concurrency,
        budget=budget,
        progress=progress,
        patience=patience,
        ask_again=ask_again,
        params=params,
    )
    return BulkRun(plan, rows)


def abulk_chat(
    rows: object,
    *,
    model: str | Step,
    prompt: Prompt = None,
    system: str | None = None,
    schema: type | Mapping[str, Any] | None = None,
    client: Client = None,
    checkpoint: str | os.PathLike[str] | None = None,
    order: Order = "input",
    concurrency: int = 32,
    budget: Budget | None = None,
    progress: bool | None = None,
    patience: float = 300.0,
    ask_again: bool = False,
    **params: Any,
) -> AsyncBulkRun:
    """Asynchronous :func:`bulk_chat`; ``rows`` may be an asynchronous iterable too. Not a coroutine."""
    plan = chat_plan(
        model=model,
        prompt=prompt,
        system=system,
        schema=schema,
        client=client,
        checkpoint=checkpoint,
        order=order,
        concurrency=concurrency,
        budget=budget,
        progress=progress,
        patience=patience,
        ask_again=ask_again,
        params=params,
    )
    return AsyncBulkRun(plan, rows)


def bulk_embed(
    rows: object,
    *,
    model: str,
    text: str | Callable[[Any], str] | None = None,
    batch_size: int = 128,
    client: Client = None,
    checkpoint: str | os.PathLike[str] | None = None,
    order: Order = "input",
    concurrency: int = 8,
    budget: Budget | None = None,
    progress: bool | None = None,
    patience: float = 300.0,
    **params: Any,
) -> BulkRun:
    """Embed the text of each row; :attr:`BulkItem.vector` has it. On a ``ray.data.Dataset``: as :func:`bulk_chat`.

    Args:
        rows: as of :func:`bulk_chat`.
        model: embedding model id.
        text: the column that holds the text, a text with ``{column}`` in it, or a function of a row. Without one, rows
            are texts or have a column ``text``.
        batch_size: rows in one request; the run is faster with more, and loses more where a process is killed.
        concurrency: most requests at a time, as of :func:`bulk_chat`.
        client, checkpoint, order, budget, progress, patience: as of :func:`bulk_chat`.
        params: as of :meth:`RequestyClient.embeddings` (``dimensions``, ``timeout``, …).

    Raises: as :func:`bulk_chat`.
    """
    if is_dataset(rows):
        return cast("BulkRun", on_ray("bulk_embed", rows, bulk_embed, locals()))
    plan = embed_plan(
        model=model,
        text=text,
        batch_size=batch_size,
        client=client,
        checkpoint=checkpoint,
        order=order,
        concurrency=concurrency,
        budget=budget,
        progress=progress,
        patience=patience,
        params=params,
    )
    return BulkRun(plan, rows)


def abulk_embed(
    rows: object,
    *,
    model: str,
    text: str | Callable[[Any], str] | None = None,
    batch_size: int = 128,
    client: Client = None,
    checkpoint: str | os.PathLike[str] | None = None,
    order: Order = "input",
    concurrency: int = 8,
    budget: Budget | None = None,
    progress: bool | None = None,
    patience: float = 300.0,
    **params: Any,
) -> AsyncBulkRun:
    """Asynchronous :func:`bulk_embed`; ``rows`` may be an asynchronous iterable too. Not a coroutine."""
    plan = embed_plan(
        model=model,
        text=text,
        batch_size=batch_size,
        client=client,
        checkpoint=checkpoint,
        order=order,
        concurrency=concurrency,
        budget=budget,
        progress=progress,
        patience=patience,
        params=params,
    )
    return AsyncBulkRun(plan, rows)
