"""What upstream models refuse, with their vendors' kind of 400: the emulator's own reading of the published facts.

It shares nothing with the client's table, so that a mistake in one shows in the other. Sources: the makers' reference
pages and the 400 answers that users report; models.dev for temperature; the gateway's list for schemas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from requesty_emulator.errors import ConfigError, GatewayError
from requesty_emulator.models.model import Model

__all__ = ["UpstreamRules", "check_upstream", "rules_of"]

Forced = Literal["accepted", "refused", "refused_while_reasoning", "named_refused_while_reasoning"]
_FORCED = ("accepted", "refused", "refused_while_reasoning", "named_refused_while_reasoning")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamRules:
    """What one model refuses on chat completions.

    ``refuses`` are fields it never takes, ``refuses_while_reasoning`` those it does not take while it reasons;
    ``reasons`` says that it does so unasked, ``none_reasons`` that it does at the effort ``none`` too.
    ``tools_with_effort`` false refuses function tools beside an effort; ``adaptive_only`` refuses a thinking budget;
    ``schema`` and ``system`` false refuse a JSON schema and a system prompt.
    """

    refuses: frozenset[str] = frozenset()
    refuses_while_reasoning: frozenset[str] = frozenset()
    refused_efforts: frozenset[str] = frozenset()
    forced_tool_choice: Forced = "accepted"
    tools_with_effort: bool = True
    adaptive_only: bool = False
    one_of: tuple[str, str] | None = None
    reasons: bool = False
    none_reasons: bool = False
    schema: bool | None = None
    system: bool = True

    @classmethod
    def of(cls, rules: Mapping[str, Any] | UpstreamRules | None) -> UpstreamRules | None:
        """Rules from a mapping of the field names; raises :class:`ConfigError` naming a wrong one."""
        if rules is None or isinstance(rules, UpstreamRules):
            return rules
        known = {item.name for item in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in rules.items():
            if name not in known:
                raise ConfigError(f"rules: unknown entry {name!r}; known: {', '.join(sorted(known))}")
            if name in ("refuses", "refuses_while_reasoning", "refused_efforts"):
                values[name] = frozenset((value,) if isinstance(value, str) else value)
            elif name == "one_of":
                values[name] = None if value is None else tuple(value)
            elif name == "forced_tool_choice" and value not in _FORCED:
                raise ConfigError(f"rules: forced_tool_choice must be one of {', '.join(_FORCED)}, not {value!r}")
            else:
                values[name] = value
        return cls(**values)


@dataclass(frozen=True, slots=True)
class _Row:
    names: re.Pattern[str]
    says: dict[str, Any] = field(default_factory=dict)


def _row(names: str, **says: Any) -> _Row:
    return _Row(re.compile(names), says)


_SAMPLING = frozenset(
    {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"}
)
#: Every row whose pattern matches the whole bare name applies, later ones over earlier ones.
_TABLE = (
    # OpenAI: reasoning models take max_completion_tokens and no sampling; the o-series no parallel_tool_calls.
    _row(r"o[134](-.*)?", refuses=_SAMPLING | {"max_tokens", "parallel_tool_calls"}, reasons=True),
    _row(r"o1-(mini|preview).*", system=False, schema=False),
    _row(r"gpt-5(-(?!chat).*)?|gpt-5\.[1-9]-pro", refuses=_SAMPLING | {"max_tokens"}, reasons=True),
    _row(r"gpt-5\.[5-9].*|gpt-[67].*|gpt-daybreak.*", refuses=_SAMPLING | {"max_tokens"}, reasons=True),
    _row(r"gpt-5\.[1-4](-(codex|mini|nano).*)?", refuses=frozenset({"max_tokens"}), refuses_while_reasoning=_SAMPLING),
    _row(r"gpt-5\.[456].*", tools_with_effort=False),
    _row(r"gpt-(3\.5|4)(-.*)?|chatgpt-4o.*", schema=False),
    # Anthropic: no forced tool while it thinks; the newest generations take neither budgets nor sampling.
    _row(
        r"claude-.*",
        forced_tool_choice="refused_while_reasoning",
        refuses_while_reasoning=frozenset({"temperature", "top_k"}),
        none_reasons=True,
    ),
    _row(r"claude-(opus-4-[156]|(sonnet|haiku)-4-[56])(-\d{8})?", one_of=("temperature", "top_p")),
    _row(
        r"claude-opus-4-[789]|claude-(opus|sonnet|haiku)-[56](-\d)?|claude-(fable|mythos)-.*",
        refuses=frozenset({"temperature", "top_p", "top_k"}),
        adaptive_only=True,
    ),
    _row(r"claude-opus-5-5", forced_tool_choice="refused", refused_efforts=frozenset({"none"})),
    # xAI: reasoning models.
    _row(r"grok-(4|3-mini).*", refuses=frozenset({"presence_penalty", "frequency_penalty", "stop"})),
    # Thinking is on unless it is turned off.
    _row(r"deepseek-(v4|flash|reasoner).*", forced_tool_choice="refused_while_reasoning", reasons=True),
    _row(r"kimi-k2(\.[5-9]|-thinking).*", forced_tool_choice="refused_while_reasoning", reasons=True),
    _row(r"kimi-k3.*", forced_tool_choice="named_refused_while_reasoning", reasons=True),
    _row(r"kimi-(k2\.7-code|k3).*", refuses=frozenset({"temperature", "top_p"})),
    _row(r"qwen3\.[5-9].*", forced_tool_choice="refused_while_reasoning", reasons=True),
)


def rules_of(model: Model) -> UpstreamRules:
    """The rules of a model: its own if it has some, else the table's, with the listed flags on top."""
    own = UpstreamRules.of(model.rules)
    if own is not None:
        return own
    # claude-4-sonnet is the same model as claude-sonnet-4, and 5.1 the same release as 5-1.
    name = model.bare.lower()
    if name.startswith("claude"):
        name = re.sub(r"^claude-(\d)-(opus|sonnet|haiku)", r"claude-\2-\1", name.replace(".", "-"))
    found = UpstreamRules()
    if "gpt-oss" not in name:
        for row in _TABLE:
            if row.names.fullmatch(name):
                found = replace(found, **row.says)
    if model.temperature is False:
        found = replace(found, refuses=found.refuses | {"temperature"})
    if found.schema is None:
        found = replace(found, schema=model.schema)
    if "openai-responses" in model.id.split("/"):
        # The Responses API takes tools beside an effort, and the gateway writes max_output_tokens.
        found = replace(found, tools_with_effort=True, refuses=found.refuses - {"max_tokens"})
    return found


def check_upstream(body: Mapping[str, Any], model: Model, route: str = "chat") -> None:
    """Refuse what the model's maker refuses. ``route`` is ``chat``, ``messages`` or ``responses``."""
    rules = rules_of(model)
    if route != "chat":
        # Both routes have their own token parameter, and the Responses API is where tools meet an effort.
        rules = replace(rules, refuses=rules.refuses - {"max_tokens"})
        if route == "responses":
            rules = replace(rules, tools_with_effort=True)
    say = _Vendor(model)
    reasoning = _reasons(body, model, rules)
    for name in sorted(rules.refuses):
        if _means_something(name, body.get(name)):
            raise say.parameter(name)
    if reasoning:
        for name in sorted(rules.refuses_while_reasoning):
            if _means_something(name, body.get(name)):
                raise say.parameter(name, while_reasoning=True)
    if rules.one_of and all(body.get(name) is not None for name in rules.one_of):
        first, second = rules.one_of
        raise say.refusal(f"`{first}` and `{second}` cannot both be specified for this model. Please use only one.")
    _effort(body, rules, say)
    _tools(body, rules, say, reasoning)
    for kind in sorted(_media(body)):
        # What the model hears is told for fewer models than what it sees, so only pictures are refused.
        if kind == "image" and model.inputs is not None and kind not in model.inputs:
            raise say.refusal("Invalid content type: image_url is not supported by this model.", "messages")
    form = body.get("response_format") or {}
    if rules.schema is False and form.get("type") == "json_schema":
        message = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
        raise say.refusal(message, "response_format")
    if not rules.system and any(m.get("role") in ("system", "developer") for m in body.get("messages") or ()):
        message = "Unsupported value: 'messages[0].role' does not support 'system' with this model."
        raise say.refusal(message, "messages[0].role")


def _media(body: Mapping[str, Any]) -> set[str]:
    parts = (part for turn in body.get("messages") or () for part in _parts(turn))
    return {"image" for part in parts if isinstance(part, Mapping) and part.get("type") == "image_url"}


def _parts(turn: Mapping[str, Any]) -> list[Any]:
    content = turn.get("content")
    return content if isinstance(content, list) else []


def _means_something(name: str, value: object) -> bool:
    """A default written out is taken: OpenAI's 400 says that only the default (1) is supported."""
    defaults: dict[str, tuple[object, ...]] = {
        "temperature": (1,),
        "top_p": (1,),
        "presence_penalty": (0,),
        "frequency_penalty": (0,),
        "logprobs": (False,),
        "logit_bias": ({},),
    }
    return value is not None and value not in defaults.get(name, ())


def _reasons(body: Mapping[str, Any], model: Model, rules: UpstreamRules) -> bool:
    effort = body.get("reasoning_effort")
    thinking = body.get("thinking") or {}
    if effort:
        return effort != "none" or rules.none_reasons
    if thinking:
        return bool(thinking.get("type") != "disabled")
    variant = model.id.partition("@")[0].partition(":")[2]
    return rules.reasons or variant in ("low", "medium", "high", "xhigh", "max") or variant.isdigit()


def _effort(body: Mapping[str, Any], rules: UpstreamRules, say: _Vendor) -> None:
    effort = body.get("reasoning_effort")
    if effort in rules.refused_efforts:
        raise say.refusal(f"Unsupported value: 'reasoning_effort' does not support {effort!r} with this model.")
    functions = any(tool.get("type") == "function" for tool in body.get("tools") or ())
    if functions and not rules.tools_with_effort and effort and effort != "none":
        message = (
            "Function tools with reasoning_effort are not supported for this model in /v1/chat/completions. "
            "Please use /v1/responses instead."
        )
        raise say.refusal(message, "reasoning_effort")
    if rules.adaptive_only and (body.get("thinking") or {}).get("type") == "enabled":
        message = (
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
            '"output_config.effort" to control thinking behavior.'
        )
        raise say.refusal(message)


def _tools(body: Mapping[str, Any], rules: UpstreamRules, say: _Vendor, reasoning: bool) -> None:
    choice = body.get("tool_choice")
    if choice != "required" and not isinstance(choice, Mapping):
        return
    rule = rules.forced_tool_choice
    if rule == "refused":
        raise say.refusal("tool_choice: this model does not support a forced tool choice; use auto or none.")
    if not reasoning or rule == "accepted" or (rule.startswith("named") and choice == "required"):
        return
    raise say.refusal(say.forced(choice))


class _Vendor:
    """Words a refusal as the model's maker does."""

    def __init__(self, model: Model) -> None:
        self.family = model.family

    def refusal(self, message: str, param: str | None = None, code: str | None = None) -> GatewayError:
        """OpenAI's errors keep their own envelope behind the gateway (seen by the vendor's SDK); others are wrapped."""
        if self.family != "openai":
            return GatewayError(400, message, "provider")
        error = {
            "origin": "provider",
            "message": message,
            "type": "invalid_request_error",
            "param": param,
            "code": code,
        }
        return GatewayError(400, message, "provider", body={"error": error})

    def parameter(self, name: str, *, while_reasoning: bool = False) -> GatewayError:
        if self.family == "openai" and name == "max_tokens":
            message = (
                "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead."
            )
            return self.refusal(message, name, "unsupported_parameter")
        if self.family == "openai" and name in ("temperature", "top_p"):
            message = (
                f"Unsupported value: '{name}' does not support this value with this model. "
                "Only the default (1) is supported."
            )
            return self.refusal(message, name, "unsupported_value")
        if self.family == "anthropic" and while_reasoning:
            return self.refusal(f"`{name}` may only be set to its default when thinking is enabled.")
        if self.family == "anthropic":
            return self.refusal(f"`{name}` is deprecated for this model.")
        return self.refusal(
            f"Unsupported parameter: '{name}' is not supported with this model.", name, "unsupported_parameter"
        )

    def forced(self, choice: object) -> str:
        word = "required" if choice == "required" else "specified"
        return {
            "anthropic": "Thinking may not be enabled when tool_choice forces tool use.",
            "deepseek": "Thinking mode does not support this tool_choice",
            "moonshot": f"tool_choice '{word}' is incompatible with thinking enabled",
            "alibaba": "<400> InternalError.Algo.InvalidParameter: The tool_choice parameter does not support being "
            "set to required or object in thinking mode",
        }.get(self.family, f"tool_choice {word!r} is not supported while the model reasons")
