"""An embeddings call: its run, and the exchange of each batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from requesty_core.catalog.abilities import embedding_limits
from requesty_core.embeddings.batches import DEFAULT_BATCH_SIZE, Batch, Cutter
from requesty_core.embeddings.inputs import EmbeddingInput, read_inputs
from requesty_core.embeddings.line import Line
from requesty_core.embeddings.run import DEFAULT_MAX_IN_FLIGHT, EmbeddingsRun, RunRules
from requesty_core.embeddings.vectors import BatchResult, as_list, read_embeddings
from requesty_core.errors import ConfigurationError
from requesty_core.exchange.adaptation import Adaptation
from requesty_core.exchange.body import build_body
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.money.usage import Usage
from requesty_core.replies.received import ReceivedResponse
from requesty_core.settings.config import check_count

from .arguments import take_options
from .exchanges import watched
from .objects import check_callable
from .route import CallOptions
from .settings import ClientSettings

__all__ = ["EmbeddingsCall", "base64_adaptation", "embeddings_call"]

_OWN = ("batch_size", "max_in_flight", "on_batch", "halves", "as_lists")

_BATCHES_AHEAD = 2
"""How far a stream reads ahead of its reader, in rounds of ``max_in_flight`` batches."""


@dataclass(frozen=True, slots=True)
class EmbeddingsCall:
    """One call, ready to be performed by either client.

    Attributes:
        line: where its requests stand in line; ``None`` for a single text, which somebody waits for.
        on_batch: is told how many inputs came through.
    """

    run: EmbeddingsRun
    exchange_for: Callable[[Batch], UnaryExchange[BatchResult]]
    options: CallOptions
    line: Line | None
    on_batch: Callable[[int], object] | None

    def tell(self, told: int) -> int:
        """Tell of the inputs that came through since ``told``; returns how many that makes."""
        through = self.run.results.through
        if self.on_batch is not None and through > told:
            self.on_batch(through - told)
        return through


def embeddings_call(
    settings: ClientSettings, model: str, inputs: EmbeddingInput, params: dict[str, Any], *, streamed: bool = False
) -> EmbeddingsCall:
    """The run of an embeddings call, and how it is sent.

    Raises :class:`ConfigurationError` for arguments that are unusable, and for inputs that cannot be embedded; of a
    stream, whose inputs may be any number, the latter come later.
    """
    own = take_options(params, _OWN)
    batch_size = _positive(own.pop("batch_size", None), "batch_size", DEFAULT_BATCH_SIZE)
    max_in_flight = _positive(own.pop("max_in_flight", None), "max_in_flight", DEFAULT_MAX_IN_FLIGHT)
    on_batch = check_callable(own.pop("on_batch", None), "on_batch")
    halves, as_lists = own.pop("halves", None), bool(own.pop("as_lists", False))
    # The client's fallbacks are chat models; vectors of different models must never be mixed.
    own.setdefault("fallbacks", ())
    call = settings.call_options(model, **own)
    items = read_inputs(inputs)
    count = None
    if not streamed:
        listed = list(items)
        items, count = iter(listed), len(listed)
    fields = build_body({"encoding_format": "base64", **params}, call.options, call.extra_body)
    fields.pop("model", None)
    settings.check_candidates(fields)
    limits = embedding_limits(model, settings.catalog)
    size = min(batch_size, limits.max_inputs or batch_size)
    run = EmbeddingsRun(
        model,
        Cutter(items, size, limits.max_request_tokens),
        RunRules(
            max_in_flight=max_in_flight,
            retries=call.max_retries,
            fields=fields,
            halves=halves is not False,
            count=count,
            window=_BATCHES_AHEAD * max_in_flight * size if streamed else None,
        ),
    )
    adaptation = None if "encoding_format" in params else base64_adaptation(settings)
    return EmbeddingsCall(
        run,
        lambda batch: _exchange(settings, call, fields, batch, adaptation, as_lists=as_lists),
        call,
        None if isinstance(inputs, str) else settings.line,
        on_batch,
    )


def _exchange(
    settings: ClientSettings,
    call: CallOptions,
    fields: Mapping[str, Any],
    batch: Batch,
    adaptation: Adaptation | None,
    *,
    as_lists: bool,
) -> UnaryExchange[BatchResult]:
    count = len(batch.items)

    def read(received: ReceivedResponse) -> tuple[BatchResult, Usage | None]:
        result = read_embeddings(received, count)
        if as_lists:
            result = replace(result, vectors=[None if one is None else as_list(one) for one in result.vectors])
        return result, result.usage

    return UnaryExchange(
        settings.engine(call),
        {"input": batch.items, **fields},
        read,
        adaptation=adaptation,
        **watched(settings, call, "embeddings"),
    )


def base64_adaptation(settings: ClientSettings) -> Adaptation:
    """Vectors come as base64, which nobody asked for but this package, unless the model is known to refuse it."""
    return Adaptation("never", frozenset({"encoding_format"}), settings.refusals)


def _positive(value: Any, name: str, default: int) -> int:
    if value is None:
        return default
    if check_count(value, name) < 1:
        raise ConfigurationError(f"{name}: 0 is too small; give 1 or more")
    return int(value)
