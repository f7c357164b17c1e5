"""``bulk_chat`` and ``bulk_embed`` on a ``ray.data.Dataset``: the rows of a cluster, by workers with a client each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from requesty_core import AsyncRequestyClient, Budget, RequestyClient
from requesty_core.bulk.plan import Plan, chat_plan, embed_plan
from requesty_core.bulk.prompts import Prompt
from requesty_core.bulk.shards import prepare
from requesty_core.bulk.table import check_columns
from requesty_core.errors import ConfigurationError
from requesty_core.retry.steps import Step
from requesty_core.settings.checks import refuse

__all__ = ["bulk_chat", "bulk_embed"]

_ROUNDS = 16
"""Rounds of requests in a batch: at the end of each batch a worker runs dry."""
_CPUS = 0.5
"""A worker waits most of its time; with less than a core each, reading has room beside two of them on two cores."""


def bulk_chat(
    dataset: Any,
    *,
    model: str | Step,
    prompt: Prompt = None,
    system: str | None = None,
    schema: type | Mapping[str, Any] | None = None,
    client: AsyncRequestyClient | RequestyClient | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    identity: str | None = None,
    workers: int | tuple[int, int] = 2,
    num_cpus: float = _CPUS,
    batch_size: int | None = None,
    concurrency: int = 32,
    budget: Budget | None = None,
    patience: float = 300.0,
    ask_again: bool = False,
    **params: Any,
) -> Any:
    """Ask a model about each row of a dataset; returns the dataset with the answers' columns, as lazy as the other.

    Added are ``answer`` (JSON text where a schema was given), ``finish_reason``, ``error``, ``error_class``,
    ``served_model``, ``input_tokens``, ``output_tokens``, ``cost`` (USD of all attempts for the row, as far as told)
    and ``resumed``. A row that fails has its error; what ends a run (see :func:`requesty_core.bulk_chat`) fails the
    dataset.

    Args:
        dataset: a ``ray.data.Dataset``. Its order, its progress bar, spilling and back-pressure are Ray's.
        model, prompt, system, schema, concurrency, patience, ask_again, params: as of ``requesty_core.bulk_chat``;
            ``concurrency`` is each worker's.
        client: whose settings the workers' clients have. Its key is not sent to them: each reads REQUESTY_API_KEY in
            its own environment. A ledger or budget without a store would count in each worker alone, and is refused.
        checkpoint: a folder that all workers can reach. A rerun, and the worker that takes the place of one that ended,
            asks only what is missing there.
        identity: the column that tells rows apart. Without one, rows that ask the same are one: where a rerun finds an
            answer to one of them, all of them have it.
        workers: how many, or the least and the most of them.
        num_cpus: of the cluster that each worker takes.
        batch_size: rows that a worker is given at a time; default: 16 times ``concurrency``.
        budget: with a store, so that it holds for all workers.

    Raises:
        ConfigurationError: an argument is unusable, or the checkpoint is that of another run.
    """
    arguments = {
        "model": model,
        "prompt": prompt,
        "system": system,
        "schema": schema,
        **_common(client, budget, concurrency, patience, identity, params),
        "ask_again": ask_again,
    }
    rows = batch_size or _ROUNDS * concurrency
    return _mapped(dataset, "chat", chat_plan(**arguments), arguments, checkpoint, workers, num_cpus, rows)


def bulk_embed(
    dataset: Any,
    *,
    model: str,
    text: str | Callable[[Any], str] | None = None,
    batch_size: int = 128,
    client: AsyncRequestyClient | RequestyClient | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    identity: str | None = None,
    workers: int | tuple[int, int] = 2,
    num_cpus: float = _CPUS,
    concurrency: int = 8,
    budget: Budget | None = None,
    patience: float = 300.0,
    **params: Any,
) -> Any:
    """Embed the text of each row of a dataset; returns the dataset with the columns ``vector`` (float32), ``error``,
    ``error_class`` and ``resumed``.

    Args:
        text, batch_size: as of ``requesty_core.bulk_embed``; ``batch_size`` is the number of texts in a request.
        dataset, model, client, checkpoint, identity, workers, num_cpus, concurrency, budget, patience, params: as of
            :func:`bulk_chat`.
    """
    arguments = {
        "model": model,
        "text": text,
        "batch_size": batch_size,
        **_common(client, budget, concurrency, patience, identity, params),
    }
    rows = _ROUNDS * concurrency * batch_size
    return _mapped(dataset, "embed", embed_plan(**arguments), arguments, checkpoint, workers, num_cpus, rows)


def _common(
    client: Any, budget: Any, concurrency: int, patience: float, identity: str | None, params: Mapping[str, Any]
) -> dict[str, Any]:
    if identity is not None and not isinstance(identity, str):
        refuse("identity", identity, "is not the name of a column", "give identity='id'")
    for name in ("order", "progress"):
        if name in params:
            raise ConfigurationError(f"{name}: is Ray's on a dataset; leave it out")
    return {
        "client": client,
        "budget": budget,
        "concurrency": concurrency,
        "patience": patience,
        "identity": identity,
        "order": "input",
        "progress": False,
        "checkpoint": None,
        "params": dict(params),
    }


def _mapped(
    dataset: Any,
    kind: str,
    plan: Plan,
    arguments: Mapping[str, Any],
    checkpoint: str | os.PathLike[str] | None,
    workers: int | tuple[int, int],
    num_cpus: float,
    rows: int,
) -> Any:
    from ray.data import ActorPoolStrategy

    from .limits import cluster_limit
    from .worker import BulkWorker

    _check_shared(plan)
    least, most = _range(workers)
    schema = dataset.schema(fetch_if_missing=False)
    if schema is not None:
        check_columns(schema.names, kind)
    folder: Path | None = None if checkpoint is None else prepare(checkpoint, plan.name).resolve()
    limit = cluster_limit(plan.client.base_url, plan.model, plan.rules.most)
    return dataset.map_batches(
        BulkWorker,
        fn_constructor_args=(kind, arguments, folder, limit),
        batch_size=rows,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(size=most) if least == most else ActorPoolStrategy(min_size=least, max_size=most),
        num_cpus=num_cpus,
    )


def _range(workers: int | tuple[int, int]) -> tuple[int, int]:
    pair = (workers, workers) if isinstance(workers, int) and not isinstance(workers, bool) else workers
    if not (isinstance(pair, tuple) and len(pair) == 2 and all(type(one) is int for one in pair)):
        refuse("workers", workers, "is no number of workers", "give 4, or (1, 8) for the least and the most")
    if not 1 <= pair[0] <= pair[1]:
        refuse("workers", workers, "is out of range", "give 1 or more, the least first")
    return pair


def _check_shared(plan: Plan) -> None:
    """Refuse what would count in each worker alone."""
    settings = plan.client.settings
    budgets = getattr(settings.budget, "budgets", None) or ([settings.budget] if settings.budget is not None else [])
    if any(not getattr(one, "is_lasting", False) for one in budgets):
        raise ConfigurationError("budget: counts in one process; give Budget(…, store=…), which holds for all workers")
    if settings.ledger is not None and not settings.ledger.is_lasting:
        raise ConfigurationError("ledger: counts in one process; give CostLedger(store=…), which holds for all workers")
    if plan.client.has_own_transport:
        raise ConfigurationError("client: its own transport stays in this process; give a client without one")
