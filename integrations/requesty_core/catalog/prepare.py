"""One request for one model: what the model's rules leave of a chat-completions body, as a pure function.

Two kinds of fields are told apart. What an adapter added by itself (the tool choice of structured output,
``parallel_tool_calls``, the token parameter, …) always follows the rules. What the caller set is theirs: it is sent as
it is, and adapted only when the request is one of several in a fallback chain and this model is not the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, TypeGuard

from .identity import identify
from .prepared import Form, LeftOut, Prepared
from .rules import NO_RULES, ModelRules, rules_for

__all__ = ["effort_of_budget", "holds_strict", "prepare", "reasons"]

_LIMITS = frozenset({"max_tokens", "max_completion_tokens"})
_EFFORT_WORDS = frozenset({"none", "min", "minimal", "low", "medium", "high", "xhigh", "max"})


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def effort_of_budget(tokens: int) -> str:
    """The effort that the gateway reads a thinking budget as (docs:reasoning)."""
    return "low" if tokens <= 1024 else "medium" if tokens <= 8192 else "high"


def effort_of(body: Mapping[str, Any]) -> Any:
    """The effort that a body asks for, in the place of its format; ``None`` if it names none."""
    effort = body.get("reasoning_effort")
    for outer in ("reasoning", "output_config"):
        inner = body.get(outer)
        if effort is None and isinstance(inner, Mapping):
            effort = inner.get("effort")
    return effort


def reasons(body: Mapping[str, Any], model: str, rules: ModelRules | None = None) -> bool:
    """Whether the model will reason for this request, by what the body or the id's variant asks for, else by itself."""
    rules = rules_for(model) if rules is None else rules
    effort = effort_of(body)
    if isinstance(effort, str) and effort:
        return effort != "none" or rules.none_reasons
    thinking = body.get("thinking")
    if isinstance(thinking, Mapping) and isinstance(thinking.get("type"), str):
        return bool(thinking["type"] != "disabled")
    if body.get("reasoning"):
        return True
    identity = identify(model)
    variant = None if identity is None else identity.variant
    if variant is not None and (variant in _EFFORT_WORDS or variant.isdigit()):
        return variant != "none" or rules.none_reasons
    return rules.reasons


def prepare(
    body: Mapping[str, Any],
    model: str,
    *,
    added: Set[str] = frozenset(),
    adapt: bool = False,
    learned: Set[str] = frozenset(),
    form: Form = "chat",
) -> Prepared:
    """The body as this model takes it; the one given is never changed.

    ``added`` are the fields that an adapter put there by itself, ``learned`` those of them that this model is known to
    have refused (:class:`~requesty_core.catalog.refusals.RefusalMemory`). ``strict`` stands for the flag inside tools
    and schemas. With ``adapt`` the caller's fields follow the rules too.
    """
    rules = rules_for(model)
    if not learned and rules is NO_RULES and not adapt:
        return Prepared(body)
    work = _PREPARATIONS[form](body, model, rules, added, adapt)
    work.run(learned)
    return Prepared(work.body if work.left_out else body, tuple(work.left_out), learned)


class _Preparation:
    """One body on its way; it is copied before the first change."""

    names: Mapping[str, str] = {}
    """What the format calls fields that the rules know by chat completions' name."""

    def __init__(self, body: Mapping[str, Any], model: str, rules: ModelRules, added: Set[str], adapt: bool) -> None:
        self.body: dict[str, Any] = dict(body)
        self.model = model
        self.rules = rules
        self.added = added
        self.adapt = adapt
        self.left_out: list[LeftOut] = []

    def run(self, learned: Set[str]) -> None:
        self._roles()
        self._thinking(learned)
        self._effort()
        self._token_parameter(learned)
        for name in sorted(learned - _LIMITS):
            self._drop(name, "was refused by this model before")
        reasoning = reasons(self.body, self.model, self.rules)
        self._tool_choice(reasoning)
        refused = {self.names.get(name, name) for name in self.rules.refused}
        for name in sorted(refused.intersection(self.body) - _LIMITS):
            self._drop(name, "is refused by this model")
        if reasoning:
            for name in sorted(self.rules.refused_while_reasoning.intersection(self.body)):
                self._drop(name, "is refused by this model while it reasons")
        for first, second in self.rules.exclusive:
            if self.body.get(first) is not None and self.body.get(second) is not None:
                self._drop(second, f"is refused by this model beside {first}")

    def _may(self, name: str) -> bool:
        return self.body.get(name) is not None and (self.adapt or name in self.added)

    def _drop(self, name: str, reason: str) -> None:
        if name == "strict":
            if (self.adapt or name in self.added) and without_strict(self.body):
                self.left_out.append(LeftOut(name, reason))
        elif self._may(name):
            del self.body[name]
            self.left_out.append(LeftOut(name, reason))

    def _effort(self) -> None:
        effort = self.body.get("reasoning_effort")
        if effort is None:
            return
        if effort in self.rules.refused_efforts:
            self._drop("reasoning_effort", f"is refused by this model as {effort!r}")
        elif effort != "none" and not self.rules.effort_with_tools and _functions(self.body):
            self._drop("reasoning_effort", "is refused by this model beside function tools")

    def _thinking(self, learned: Set[str]) -> None:
        """A budget for a model that takes none becomes the effort it stands for; other forms are no budgets."""
        thinking = self.body.get("thinking")
        if (
            not isinstance(thinking, Mapping)
            or not self._may("thinking")
            or not self._refuses_thinking(thinking, learned)
        ):
            return
        budget = thinking.get("budget_tokens")
        self._drop("thinking", "is refused by this model, which takes reasoning_effort")
        if "reasoning_effort" in learned or self.body.get("reasoning_effort") is not None:
            return
        beside_tools = not self.rules.effort_with_tools and _functions(self.body)
        effort = "none" if thinking.get("type") == "disabled" else effort_of_budget(budget) if _is_int(budget) else None
        if effort is not None and effort not in self.rules.refused_efforts and not (beside_tools and effort != "none"):
            self.body["reasoning_effort"] = effort

    def _refuses_thinking(self, thinking: Mapping[str, Any], learned: Set[str]) -> bool:
        if "thinking" in learned:
            return True
        # Anthropic's models without budgets take the field's other forms (adaptive, disabled); other makers none.
        identity = identify(self.model)
        budgets_only = identity is not None and identity.maker == "anthropic"
        return self.rules.thinking == "effort" and (thinking.get("type") == "enabled" or not budgets_only)

    def _tool_choice(self, reasoning: bool) -> None:
        if not self._forces_tool(self.body.get("tool_choice")):
            return
        if self.rules.forced_tool_choice == "refused":
            self._drop("tool_choice", "may not be forced with this model")
        elif self.rules.forced_tool_choice == "refused_while_reasoning" and reasoning:
            self._drop("tool_choice", "may not be forced while this model reasons")

    @staticmethod
    def _forces_tool(choice: object) -> bool:
        return choice == "required" or isinstance(choice, Mapping)

    def _token_parameter(self, learned: Set[str]) -> None:
        """A limit is never left out, because answers cost money: it goes by the name that the model takes."""
        wanted: str = self.rules.token_parameter
        other: str = "max_tokens" if wanted == "max_completion_tokens" else "max_completion_tokens"
        if wanted in learned and other not in learned:
            wanted, other = other, wanted
        if not self._may(other):
            return
        limit = self.body.pop(other)
        if self.body.get(wanted) is None:
            self.body[wanted] = limit
        self.left_out.append(LeftOut(other, f"was sent as {wanted}"))

    def _roles(self) -> None:
        messages = self.body.get("messages")
        wanted = self.rules.system_role
        if not self.adapt or not isinstance(messages, list):
            return
        # `developer` is OpenAI's own word for the role.
        identity = identify(self.model)
        foreign = {"developer"} if identity is not None and identity.maker not in ("openai", None) else set()
        refused = foreign | ({"system", "developer"} if wanted == "user" else set())
        found = refused & {m.get("role") for m in messages if isinstance(m, Mapping)}
        if found:
            self.body["messages"] = [
                {**m, "role": wanted} if isinstance(m, Mapping) and m.get("role") in refused else m for m in messages
            ]
            self.left_out.extend(LeftOut(f"role {role}", f"was sent as {wanted}") for role in sorted(found))


class _Messages(_Preparation):
    """A body in Anthropic's format: its own limit of tokens and place of the effort, and no roles to change."""

    names: Mapping[str, str] = {"stop": "stop_sequences"}

    def _effort(self) -> None:
        effort = effort_of(self.body)
        if effort is not None and effort in self.rules.refused_efforts:
            self._drop("output_config", f"is refused by this model as {effort!r}")

    def _thinking(self, learned: Set[str]) -> None:
        thinking = self.body.get("thinking")
        if not isinstance(thinking, Mapping) or not self._may("thinking"):
            return
        if not self._refuses_thinking(thinking, learned):
            return
        self._drop("thinking", "is refused by this model, which chooses its own budget")
        budget, identity = thinking.get("budget_tokens"), identify(self.model)
        if "thinking" in learned or identity is None or identity.maker != "anthropic":
            return
        # Newer Claude models think as much as the effort says (contract, section 6).
        self.body["thinking"] = {"type": "adaptive"}
        if _is_int(budget) and self.body.get("output_config") is None:
            self.body["output_config"] = {"effort": effort_of_budget(budget)}

    @staticmethod
    def _forces_tool(choice: object) -> bool:
        return isinstance(choice, Mapping) and choice.get("type") in ("any", "tool")

    def _token_parameter(self, learned: Set[str]) -> None:
        """``max_tokens`` is the format's own and required, whatever the model."""

    def _roles(self) -> None:
        """Instructions stand in ``system``, which the gateway gives the role that the model takes."""


class _Responses(_Preparation):
    """A body in the format of OpenAI's Responses: its own limit of tokens and place of the effort."""

    def _effort(self) -> None:
        effort = effort_of(self.body)
        if effort is not None and effort in self.rules.refused_efforts:
            self._drop("reasoning", f"is refused by this model as {effort!r}")

    def _token_parameter(self, learned: Set[str]) -> None:
        """``max_output_tokens`` is the format's own, whatever the model."""

    def _roles(self) -> None:
        """The format knows ``developer``, and the gateway gives the role that the model takes."""


_PREPARATIONS: Mapping[Form, type[_Preparation]] = {
    "chat": _Preparation,
    "messages": _Messages,
    "responses": _Responses,
}


def _functions(body: Mapping[str, Any]) -> bool:
    tools = body.get("tools")
    return isinstance(tools, list) and any(isinstance(t, Mapping) and t.get("type") == "function" for t in tools)


def holds_strict(body: Mapping[str, Any]) -> bool:
    """Whether a tool or the schema of a body has the flag ``strict``."""
    return without_strict(dict(body))


def without_strict(body: dict[str, Any]) -> bool:
    """Take ``strict`` out of the tools and the schema of a body, copying what changes; whether there was any."""
    found = False
    tools = body.get("tools")
    if isinstance(tools, list):
        functions = [t.get("function") if isinstance(t, Mapping) else None for t in tools]
        if any(isinstance(f, Mapping) and "strict" in f for f in functions):
            found = True
            body["tools"] = [
                {**t, "function": {k: v for k, v in f.items() if k != "strict"}} if isinstance(f, Mapping) else t
                for t, f in zip(tools, functions, strict=True)
            ]
    form = body.get("response_format")
    schema = form.get("json_schema") if isinstance(form, Mapping) else None
    if isinstance(form, Mapping) and isinstance(schema, Mapping) and "strict" in schema:
        found = True
        body["response_format"] = {**form, "json_schema": {k: v for k, v in schema.items() if k != "strict"}}
    return found
