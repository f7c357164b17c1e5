"""Every attempt is prepared by its own model's rules; refusals are learned; what is left out is on record."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.wire import Wire, answer, http

from requesty_core import BadRequestError, FallbackPolicy
from requesty_core.replies.attempts import attempt_dict

TOOLS = [{"type": "function", "function": {"name": "tide", "parameters": {"type": "object", "properties": {}}}}]
FORCED = {"type": "function", "function": {"name": "tide"}}
WORD = {"role": "developer", "content": "Be brief."}
ASK = {"role": "user", "content": "Hi"}


def refusal(param: str, status: int = 400) -> Any:
    """A vendor's refusal that names a parameter."""
    message = f"Unsupported parameter: '{param}' is not supported with this model."
    return http(status, {"error": {"message": message, "type": "invalid_request_error", "param": param}})


CASES: list[tuple[str, dict[str, Any], set[str]]] = [
    ("openai/gpt-5", {"temperature": 0.2, "top_p": 0.9}, {"temperature", "top_p"}),
    ("azure/gpt-5@swedencentral", {"temperature": 0.2}, {"temperature"}),
    ("openai/o3-mini", {"tools": TOOLS, "parallel_tool_calls": True}, {"parallel_tool_calls"}),
    (
        "anthropic/claude-sonnet-4-5",
        {"tools": TOOLS, "tool_choice": FORCED, "reasoning_effort": "high"},
        {"tool_choice"},
    ),
    (
        "bedrock/claude-sonnet-4-5@eu-central-1",
        {"tools": TOOLS, "tool_choice": "required", "reasoning_effort": "low"},
        {"tool_choice"},
    ),
    ("openai/gpt-4o-mini", {"temperature": 0.2, "tools": TOOLS, "tool_choice": FORCED}, set()),
    ("policy/mine", {"temperature": 0.2, "tools": TOOLS, "tool_choice": FORCED, "reasoning_effort": "low"}, set()),
    ("someone/new-model", {"temperature": 0.2, "parallel_tool_calls": True}, set()),
]


@pytest.mark.parametrize(("model", "fields", "refused"), CASES, ids=[c[0] for c in CASES])
def test_a_later_model_is_sent_what_it_takes(way: Any, model: str, fields: dict[str, Any], refused: set[str]) -> None:
    wire = Wire(http(503), answer())
    reply = way(wire, {"fallbacks": [model]}, model="acme/first", **fields)
    first, second = wire.body(0), wire.body(1)
    assert {name: first[name] for name in fields} == fields
    assert {name for name in fields if name not in second} == refused
    assert {name: second[name] for name in fields.keys() - refused} == {
        k: v for k, v in fields.items() if k not in refused
    }
    assert [set(a.left_out) for a in reply.attempts] == [set(), refused]
    recorded = attempt_dict(reply.attempts[1])
    assert set(recorded.get("left_out", {})) == refused


@pytest.mark.parametrize(("model", "fields", "refused"), CASES, ids=[c[0] for c in CASES])
@pytest.mark.parametrize("adapt", ["chain", "always", "never"])
def test_what_the_caller_set_is_changed_for_a_single_model_only_if_asked(
    unary: Any, model: str, fields: dict[str, Any], refused: set[str], adapt: str
) -> None:
    wire = Wire(answer())
    reply = unary(wire, {"adapt": adapt}, model=model, **fields)
    left_out = refused if adapt == "always" else set()
    assert {name for name in fields if name not in wire.body(0)} == left_out == set(reply.attempts[0].left_out)


def test_never_sends_the_same_to_every_model(unary: Any) -> None:
    wire = Wire(http(503), answer())
    unary(wire, {"fallbacks": ["openai/gpt-5"], "adapt": "never"}, model="acme/first", temperature=0.2)
    assert wire.body(1)["temperature"] == 0.2


def test_a_role_of_one_maker_is_put_into_the_next_ones_word(unary: Any) -> None:
    wire = Wire(http(503), answer())
    reply = unary(wire, {"fallbacks": ["anthropic/claude-sonnet-4-5"]}, model="openai/gpt-5", messages=[WORD, ASK])
    assert [m["role"] for m in wire.body(0)["messages"]] == ["developer", "user"]
    assert [m["role"] for m in wire.body(1)["messages"]] == ["system", "user"]
    assert reply.attempts[1].left_out == {"role developer": "was sent as system"}


@pytest.mark.parametrize(("model", "fields", "refused"), CASES, ids=[c[0] for c in CASES])
def test_what_an_adapter_added_always_follows_the_rules(
    unary: Any, model: str, fields: dict[str, Any], refused: set[str]
) -> None:
    wire = Wire(answer())
    unary(wire, {"adapt": "never"}, model=model, added_fields=list(fields), **fields)
    assert {name for name in fields if name not in wire.body(0)} == refused


# --- what a refusal teaches -------------------------------------------------------------------------------------------


def test_a_refused_field_that_an_adapter_added_is_left_out_and_remembered(way: Any) -> None:
    wire = Wire(refusal("tool_choice"), answer(), answer())
    client = way.client(wire, max_retries=0)
    reply = way.ask(client, model="acme/new", tools=TOOLS, tool_choice="required", added_fields={"tool_choice"})
    assert ["tool_choice" in wire.body(i) for i in (0, 1)] == [True, False]
    first, second = reply.attempts
    assert (first.status, first.outcome, dict(first.left_out)) == (400, "error", {})
    assert (second.outcome, dict(second.left_out)) == ("ok", {"tool_choice": "was refused by this model before"})
    again = way.ask(client, model="acme/new", tools=TOOLS, tool_choice="required", added_fields={"tool_choice"})
    assert "tool_choice" not in wire.body(2)
    assert len(again.attempts) == 1


def test_a_caller_keeps_what_the_client_learned_from_an_adapter(unary: Any) -> None:
    wire = Wire(refusal("tool_choice"), answer(), answer())
    client = unary.client(wire)
    unary.ask(client, model="acme/new", tools=TOOLS, tool_choice="required", added_fields={"tool_choice"})
    unary.ask(client, model="acme/new", tools=TOOLS, tool_choice="required")
    assert wire.body(2)["tool_choice"] == "required"


def test_several_refusals_are_learned_one_after_the_other(unary: Any) -> None:
    wire = Wire(refusal("tool_choice"), refusal("parallel_tool_calls"), answer())
    fields = {"tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": False}
    unary(wire, model="acme/new", added_fields=["tool_choice", "parallel_tool_calls"], **fields)
    assert [sorted(fields.keys() & wire.body(i).keys()) for i in range(3)] == [
        ["parallel_tool_calls", "tool_choice", "tools"],
        ["parallel_tool_calls", "tools"],
        ["tools"],
    ]


def test_strict_is_taken_out_of_tools_and_schemas(unary: Any) -> None:
    wire = Wire(refusal("tools[0].function.strict"), answer())
    strict = [{"type": "function", "function": {**TOOLS[0]["function"], "strict": True}}]
    unary(wire, model="acme/new", tools=strict, added_fields={"strict"})
    assert wire.body(1)["tools"] == TOOLS


@pytest.mark.parametrize(
    ("added", "refused", "status"),
    [
        ((), "tool_choice", 400),  # the caller's own
        (("tool_choice",), "messages", 400),  # nothing a request can do without
        (("tool_choice",), "temperature", 400),  # another field
        (("parallel_tool_calls",), "parallel_tool_calls", 400),  # not in the body
        (("tool_choice",), "tool_choice", 401),
    ],
)
def test_other_refusals_are_raised_at_once(unary: Any, added: tuple[str, ...], refused: str, status: int) -> None:
    wire = Wire(refusal(refused, status))
    with pytest.raises(Exception, match="Unsupported parameter") as caught:
        unary(wire, model="acme/new", tools=TOOLS, tool_choice="required", temperature=1, added_fields=added)
    assert len(wire.requests) == 1
    assert len(caught.value.attempts) == 1  # type: ignore[attr-defined]


def test_a_model_that_refuses_without_end_is_asked_once_more(unary: Any) -> None:
    wire = Wire(*[refusal("tool_choice")] * 5)
    with pytest.raises(BadRequestError):
        unary(wire, model="acme/new", tools=TOOLS, tool_choice="required", added_fields={"tool_choice"})
    assert len(wire.requests) == 2


def test_the_attempts_of_a_policy_bound_it(unary: Any) -> None:
    wire = Wire(refusal("tool_choice"), answer())
    policy = {"fallback_policy": FallbackPolicy(max_attempts=1)}
    with pytest.raises(BadRequestError):
        unary(wire, policy, model="acme/new", tools=TOOLS, tool_choice="required", added_fields={"tool_choice"})
    assert len(wire.requests) == 1


def test_a_later_model_is_asked_again_without_what_it_refuses(way: Any) -> None:
    wire = Wire(http(503), refusal("temperature"), answer())
    reply = way(wire, {"fallbacks": ["acme/second"]}, model="acme/first", temperature=0.2)
    assert [wire.body(i).get("temperature") for i in range(3)] == [0.2, 0.2, None]
    assert [a.model for a in reply.attempts] == ["acme/first", "acme/second", "acme/second"]
    assert [set(a.left_out) for a in reply.attempts] == [set(), set(), {"temperature"}]


def test_a_limit_is_never_left_out_but_sent_by_its_other_name(way: Any) -> None:
    wire = Wire(http(503), refusal("max_tokens"), answer())
    reply = way(wire, {"fallbacks": ["acme/second"]}, model="acme/first", max_tokens=9)
    limits = [(wire.body(i).get("max_tokens"), wire.body(i).get("max_completion_tokens")) for i in range(3)]
    assert limits == [(9, None), (9, None), (None, 9)]
    assert dict(reply.attempts[2].left_out) == {"max_tokens": "was sent as max_completion_tokens"}


@pytest.mark.parametrize("model", ["acme/new", "openai/gpt-5"])
def test_a_model_that_takes_a_limit_by_no_name_ends_the_call(unary: Any, model: str) -> None:
    wire = Wire(*[refusal(name) for name in ("max_tokens", "max_completion_tokens") * 4])
    with pytest.raises(BadRequestError):
        unary(wire, {"adapt": "always"}, model=model, max_tokens=9)
    assert len(wire.requests) <= 3


def test_a_later_model_is_sent_what_it_takes_on_responses_too(unary: Any) -> None:
    done = http(200, {"id": "r", "object": "response", "status": "completed", "model": "gpt-5", "output": []})
    wire = Wire(http(503), done)
    client = unary.client(wire, fallbacks=["openai/gpt-5"])
    call = {"input": "x", "temperature": 0.2, "max_output_tokens": 9}
    reply = unary.run(client, lambda c: c.responses(model="acme/first", **call))
    assert wire.body(0) == {"model": "acme/first", **call}
    assert wire.body(1) == {"model": "openai/gpt-5", "input": "x", "max_output_tokens": 9}
    assert [set(a.left_out) for a in reply.attempts] == [set(), {"temperature"}]


@pytest.mark.parametrize(
    ("model", "effort", "left"),
    [("claude-opus-5-5", "none", {"reasoning"}), ("claude-opus-5-5", "low", set()), ("openai/gpt-5.4", "low", set())],
)
def test_an_effort_stands_where_the_format_has_it(unary: Any, model: str, effort: str, left: set[str]) -> None:
    done = http(200, {"id": "r", "object": "response", "status": "completed", "model": "m", "output": []})
    wire = Wire(http(503), done)
    client = unary.client(wire, fallbacks=[model])
    call = {"input": "x", "reasoning": {"effort": effort}, "tools": [{**TOOLS[0]["function"], "type": "function"}]}
    reply = unary.run(client, lambda c: c.responses(model="acme/first", **call))
    assert set(wire.body(0)) - set(wire.body(1)) == left
    assert [set(a.left_out) for a in reply.attempts] == [set(), left]


MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": "end_turn"}
MESSAGES_TOOL = {"name": "tide", "input_schema": {"type": "object"}}
MESSAGES: list[tuple[str, dict[str, Any], dict[str, Any], set[str]]] = [
    ("openai/gpt-5", {"temperature": 0.2, "top_p": 0.5}, {}, {"temperature", "top_p"}),
    ("anthropic/claude-sonnet-4-5", {"temperature": 0.2, "top_p": 0.5}, {"temperature": 0.2}, {"top_p"}),
    (
        "anthropic/claude-sonnet-4-5",
        {"thinking": {"type": "enabled", "budget_tokens": 2000}, "tool_choice": {"type": "any"}, "temperature": 1.0},
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        {"tool_choice", "temperature"},
    ),
    (
        "anthropic/claude-sonnet-4-5",
        {"thinking": {"type": "enabled", "budget_tokens": 2000}, "tool_choice": {"type": "auto"}},
        {"thinking": {"type": "enabled", "budget_tokens": 2000}, "tool_choice": {"type": "auto"}},
        set(),
    ),
    (
        "anthropic/claude-opus-4-7",
        {"thinking": {"type": "enabled", "budget_tokens": 2000}, "top_k": 5},
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}},
        {"thinking", "top_k"},
    ),
    (
        "anthropic/claude-opus-4-7",
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        set(),
    ),
    ("claude-opus-5-5", {"tool_choice": {"type": "tool", "name": "tide"}}, {}, {"tool_choice"}),
    ("xai/grok-4", {"stop_sequences": ["x"]}, {}, {"stop_sequences"}),
    ("openai/gpt-5.1", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, {}, {"thinking"}),
    (
        "acme/new",
        {"temperature": 0.2, "tool_choice": {"type": "any"}},
        {"temperature": 0.2, "tool_choice": {"type": "any"}},
        set(),
    ),
]


@pytest.mark.parametrize(("model", "fields", "sent", "left"), MESSAGES)
def test_a_later_model_is_sent_what_it_takes_on_messages_too(
    unary: Any, model: str, fields: dict[str, Any], sent: dict[str, Any], left: set[str]
) -> None:
    wire = Wire(http(503), http(200, MESSAGE))
    client = unary.client(wire, fallbacks=[model])
    call = {"messages": [ASK], "max_tokens": 9, "tools": [MESSAGES_TOOL]}
    reply = unary.run(client, lambda c: c.messages(model="acme/first", **call, **fields))
    assert wire.body(0) == {"model": "acme/first", **call, **fields}
    assert wire.body(1) == {"model": model, **call, **sent}
    assert [set(a.left_out) for a in reply.attempts] == [set(), left]


ENABLED, ADAPTIVE, DISABLED = {"type": "enabled", "budget_tokens": 2000}, {"type": "adaptive"}, {"type": "disabled"}


@pytest.mark.parametrize(
    ("model", "thinking", "sent"),
    [
        ("anthropic/claude-sonnet-4-5", ENABLED, {"thinking": ENABLED}),
        ("vertex/gemini-2.5-pro", ENABLED, {"thinking": ENABLED}),
        ("anthropic/claude-opus-4-7", ENABLED, {"reasoning_effort": "medium"}),
        ("anthropic/claude-opus-4-7", ADAPTIVE, {"thinking": ADAPTIVE}),
        ("claude-opus-5-5@eu", DISABLED, {"thinking": DISABLED}),
        ("openai/gpt-5.1", ENABLED, {"reasoning_effort": "medium"}),
        ("openai/gpt-5.1", DISABLED, {"reasoning_effort": "none"}),
        ("openai/gpt-5.1", ADAPTIVE, {}),
        ("acme/new", ENABLED, {"thinking": ENABLED}),
    ],
)
def test_thinking_takes_the_form_of_the_model(unary: Any, model: str, thinking: Any, sent: dict[str, Any]) -> None:
    wire = Wire(answer())
    unary(wire, model=model, thinking=thinking, added_fields={"thinking"})
    body = wire.body(0)
    assert {name: body[name] for name in ("thinking", "reasoning_effort") if name in body} == sent


def test_a_refused_budget_becomes_an_effort(unary: Any) -> None:
    wire = Wire(refusal("thinking"), answer())
    unary(wire, model="acme/new", thinking=ENABLED, added_fields={"thinking"})
    assert "thinking" not in wire.body(1)
    assert wire.body(1)["reasoning_effort"] == "medium"


@pytest.mark.parametrize("value", ["sometimes", None, True, ""])
def test_adapt_is_one_of_three_words(value: Any, unary: Any) -> None:
    with pytest.raises(ValueError, match=r"^adapt: .* give 'chain', 'always' or 'never'$"):
        unary.client(Wire(), adapt=value)


# --- media ------------------------------------------------------------------------------------------------------------

SEES, BLIND, UNKNOWN = "openai/gpt-4o", "alibaba/qwen-max", "acme/unheard-of"
PICTURE = {"type": "image_url", "image_url": {"url": "https://pictures.example/a.png"}}


@pytest.mark.parametrize(
    ("part", "chain", "order"),
    [
        (PICTURE, [BLIND, SEES], [SEES, BLIND]),
        (PICTURE, [BLIND, UNKNOWN, SEES], [UNKNOWN, SEES, BLIND]),
        (PICTURE, [SEES, BLIND], [SEES, BLIND]),
        ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}, [SEES, UNKNOWN], [UNKNOWN, SEES]),
        ({"type": "text", "text": "no picture"}, [BLIND, SEES], [BLIND, SEES]),
        ({"type": "file", "file": {"file_data": "AA=="}}, [BLIND, SEES], [BLIND, SEES]),
    ],
)
def test_models_that_cannot_see_a_picture_are_asked_last(
    unary: Any, part: dict[str, Any], chain: list[str], order: list[str]
) -> None:
    wire = Wire(*[http(503)] * len(chain), answer())
    messages = [{"role": "user", "content": [part]}]
    unary(wire, {"fallbacks": chain}, model="acme/first", messages=messages)
    assert [wire.body(at)["model"] for at in range(len(chain) + 1)] == ["acme/first", *order]


@pytest.mark.parametrize("route", ["messages", "responses"])
def test_and_so_are_they_in_the_other_formats(unary: Any, route: str) -> None:
    kind = "image" if route == "messages" else "input_image"
    turns = [{"role": "user", "content": [{"type": kind}]}]
    call: dict[str, Any] = {"messages": turns, "max_tokens": 9} if route == "messages" else {"input": turns}
    done = {"id": "r", "object": "response", "status": "completed", "model": "m", "output": []}
    wire = Wire(http(503), http(200, MESSAGE if route == "messages" else done))
    client = unary.client(wire, fallbacks=[BLIND, SEES])
    unary.run(client, lambda c: getattr(c, route)(model="acme/first", **call))
    assert wire.body(1)["model"] == SEES


def test_the_model_that_was_named_is_asked_first_all_the_same(unary: Any) -> None:
    wire = Wire(answer())
    unary(wire, {"fallbacks": [SEES]}, model=BLIND, messages=[{"role": "user", "content": [PICTURE]}])
    assert wire.body(0)["model"] == BLIND
