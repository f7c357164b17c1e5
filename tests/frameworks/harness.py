"""What every example of another framework is asked: answers, tools, streams, structure, fallback, cost.

An example is a script in this folder. It makes the framework's own objects from a client or model of ours and hands
functions to :func:`run`; each gets a :class:`Wire` and returns what the framework gave its user. The results are
printed as one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from requesty_core import CostLedger, FallbackPolicy, RetryPolicy
from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"
SECOND = "openai/gpt-4o"
ASK = "What is the tide in Oslo?"

os.environ |= {
    "OPENAI_API_KEY": "sk-not-used",
    "OTEL_SDK_DISABLED": "true",
    "ANONYMIZED_TELEMETRY": "false",
    "CREWAI_DISABLE_TELEMETRY": "true",
    "MEM0_TELEMETRY": "false",
    "AGNO_TELEMETRY": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "true",
}


class Tide(BaseModel):
    """The tide at a place."""

    place: str
    height: int


ANSWER = '{"place": "Oslo", "height": 3}'


@dataclass
class Wire:
    """A gateway, and settings for clients of it."""

    gateway: GatewayEmulator
    ledger: CostLedger = field(default_factory=CostLedger)

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments of any client or model of ours."""
        return {
            "base_url": self.gateway.base_url,
            "api_key": self.gateway.api_key,
            "max_retries": 0,
            "ledger": self.ledger,
            "fallbacks": [SECOND],
            "fallback_policy": FallbackPolicy(retry=RetryPolicy(base=0.01)),
        }


Check = Callable[[Wire], Any]


def _answer(wire: Wire, check: Check) -> None:
    wire.gateway.say(text="Three metres.")
    assert "Three metres" in str(check(wire))


def _fallback(wire: Wire, check: Check) -> None:
    wire.gateway.fault(model=MODEL, status=503)
    wire.gateway.say(text="Three metres.")
    assert "Three metres" in str(check(wire))
    assert [r.body["model"] for r in wire.gateway.requests][:2] == [MODEL, SECOND]


def _tools(wire: Wire, check: Check) -> None:
    wire.gateway.say(tool_calls=[{"name": "tide", "arguments": {"place": "Oslo"}, "id": "call_1"}])
    wire.gateway.say(text="Three metres.")
    assert "Three metres" in str(check(wire))
    asked = json.dumps(wire.gateway.requests[-1].body)
    assert "3 m at Oslo" in asked, "the tool's answer was not sent"


def _stream(wire: Wire, check: Check) -> None:
    wire.gateway.say(text="Three metres or so.")
    pieces = list(check(wire))
    assert "".join(map(str, pieces)) == "Three metres or so."
    assert len(pieces) > 1, "it came in one piece"


def _structure(wire: Wire, check: Check) -> None:
    wire.gateway.say(text=ANSWER)
    _is_tide(check(wire))


def _is_tide(made: Any) -> None:
    # Some frameworks make a class of their own of the one they get.
    assert made.model_dump() == {"place": "Oslo", "height": 3}, repr(made)


def _structure_by_tool(wire: Wire, check: Check) -> None:
    wire.gateway.say(tool_calls=[{"name": "Tide", "arguments": json.loads(ANSWER), "id": "call_1"}])
    wire.gateway.say(text="Done.")
    _is_tide(check(wire))


PERFORM: dict[str, Callable[[Wire, Check], None]] = {
    "answer": _answer,
    "tools": _tools,
    "stream": _stream,
    "structure": _structure,
    "structure by tool": _structure_by_tool,
}


def attempt(perform: Callable[[Wire, Check], None], check: Check) -> str:
    """``yes``, or in one line what went wrong. The cost that the ledger adds up must be the gateway's bill."""
    with GatewayEmulator() as gateway:
        wire = Wire(gateway)
        try:
            perform(wire, check)
            assert wire.ledger.total.cost == gateway.billed, f"cost {wire.ledger.total.cost} of {gateway.billed}"
        except Exception as error:  # noqa: BLE001 -- whatever an example fails with is its result
            traceback.print_exc()
            return f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"
        return "yes"


def run(**checks: Check | str) -> None:
    """Perform the checks; one that is a text says why it does not apply. Exits with 1 if one fails."""
    results: dict[str, str] = {}
    for name, check in checks.items():
        word = name.removesuffix("_by_tool")
        perform = PERFORM[name.replace("_", " ")]
        results[word] = f"no: {check}" if isinstance(check, str) else attempt(perform, check)
    answer = checks.get("answer")
    if callable(answer):
        results["fallback"] = attempt(_fallback, answer)
    results["cost"] = "yes" if "yes" in results.values() else "no: nothing worked"
    print(json.dumps(results))
    sys.exit(any(result != "yes" and not result.startswith("no: ") for result in results.values()))


def tide(place: str) -> str:
    """The tide at a place.

    Args:
        place: name of the place.
    """
    return f"3 m at {place}"
