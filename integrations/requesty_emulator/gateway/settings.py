"""Switches of the emulator: every documented or observed variation that is not the default."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Literal, get_args

from requesty_emulator.errors import ConfigError

UsageStyle = Literal[
    "last_empty_choices",
    "last_empty_delta",
    "last_no_choices",
    "every_chunk",
    "none",
    "null_cost",
    "string_cost",
    "no_cost",
    "zero_cost",
]
USAGE_STYLES: tuple[str, ...] = get_args(UsageStyle)


@dataclass(slots=True, kw_only=True)
class Settings:
    """All switches with their defaults (docs/contract.md, sections 20 and 21).

    Delays are seconds. ``time_scale`` multiplies the back-off of emulated routing policies.
    """

    #: Refuse unknown top-level request fields with 400; the real behaviour is unknown and varies by provider.
    strict_fields: bool = False
    #: Refuse what OpenAI's strict mode refuses of a schema sent with ``strict: true``; otherwise the log warns of it.
    strict_schemas: bool = True
    #: Answer ``model`` with its provider prefix (docs examples) instead of bare (seen on the wire).
    prefixed_model: bool = False
    #: Echo the requested id as ``model``, which some framework suites demand.
    echo_model: bool = False
    #: Send ``usage.cost`` on embeddings, which only a third-party description shows.
    embedding_cost: bool = False
    #: Send ``usage`` in streams even when ``include_usage`` was not asked for.
    always_stream_usage: bool = False
    #: Where and how ``usage`` is sent.
    usage: UsageStyle = "last_empty_choices"
    #: Seconds between the chunks of a stream.
    chunk_delay: float = 0.0
    #: Seconds before the first byte of every answer.
    delay: float = 0.0
    #: Seconds after which a connection without a request is closed; read when the server starts.
    keep_alive: float = 75.0
    #: Send the four ``x-requesty-*`` headers.
    requesty_headers: bool = True
    #: Factor on policy back-off so that tests do not wait 500 ms, 1 s, 2 s.
    time_scale: float = 0.01
    #: Treat an unset ``requesty.auto_cache`` as true (what the gateway does for some origins).
    auto_cache: bool = False
    #: Shortest prompt prefix, in tokens, that the emulated prompt caches keep (documented: 1024).
    cache_min_tokens: int = 1024
    #: Mask personal data in both directions.
    guardrails: bool = False
    #: Return server-side web searches as undeclared ``tool_calls`` (observed with Claude, not streamed).
    server_tools: bool = False
    #: Let the emulated model choose shell, file-writing and network tools on prompts that no test scripted.
    risky_tools: bool = False
    #: Answer 400 when the prompt exceeds the model's context window.
    check_context: bool = True
    #: Refuse what the models' makers refuse, with their kind of 400 (sampling settings, forced tools, efforts, …).
    upstream_rules: bool = True
    #: Largest request body in bytes.
    max_body_bytes: int = 32 * 1024 * 1024
    #: Requests that ``requests`` keeps, the newest; ``None`` keeps all.
    keep_requests: int | None = 10_000
    #: Bytes that kept requests may take, bodies and headers together; ``None`` is without a limit.
    keep_bytes: int | None = 64 * 1024 * 1024
    #: First bytes of every answer that kept requests hold.
    keep_answers: int = 64 * 1024
    #: Organisation balance in USD; ``None`` is unlimited, and 402 follows once it is spent.
    balance: Decimal | None = None
    #: Answer an unknown key on ``GET /v1/models`` with 403, not the public catalogue (docs/contract.md, section 19).
    models_need_valid_key: bool = False
    #: ``Retry-After`` in seconds on 429 and 503 answers that do not set their own.
    retry_after: float | None = None

    @classmethod
    def from_switches(cls, switches: Mapping[str, Any]) -> Settings:
        """Build settings from keyword switches; raises :class:`ConfigError` with one line naming a wrong one."""
        known = {field.name for field in fields(cls)}
        for name in switches:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known switches: {', '.join(sorted(known))}"
                raise ConfigError(f"unknown switch {name!r}{hint}")
        settings = cls(**switches)
        settings._check()
        return settings

    def _check(self) -> None:
        for field in fields(self):
            value, default = getattr(self, field.name), field.default
            if field.name in ("keep_requests", "keep_bytes"):
                if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                    raise ConfigError(f"switch {field.name!r} must be a whole number from 1 or null, not {value!r}")
                continue
            if isinstance(default, bool):
                if not isinstance(value, bool):
                    raise ConfigError(f"switch {field.name!r} must be true or false, not {value!r}")
            elif isinstance(default, (int, float)) and not _is_amount(value):
                raise ConfigError(f"switch {field.name!r} must be a non-negative number, not {value!r}")
        if self.usage not in USAGE_STYLES:
            raise ConfigError(f"switch 'usage' must be one of {', '.join(USAGE_STYLES)}, not {self.usage!r}")
        if self.balance is not None:
            try:
                self.balance = Decimal(str(self.balance))
            except ArithmeticError as exc:
                raise ConfigError(f"switch 'balance' must be a decimal number, not {self.balance!r}") from exc
        if self.retry_after is not None and not _is_amount(self.retry_after):
            raise ConfigError(f"switch 'retry_after' must be a non-negative number, not {self.retry_after!r}")


def _is_amount(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
