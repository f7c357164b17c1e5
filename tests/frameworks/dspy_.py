"""DSPy: its language model hands our client to LiteLLM."""

from __future__ import annotations

from typing import Any

import dspy
from harness import ASK, MODEL, Wire, run

from openai_requesty import RequestyOpenAI


def model(wire: Wire) -> dspy.LM:
    """A model on the gateway. LiteLLM takes the first part of the id as its own provider."""
    client = RequestyOpenAI(**wire.settings)
    return dspy.LM(f"openai/{MODEL}", client=client, api_key="not used", cache=False, num_retries=0)


def predicted(wire: Wire) -> Any:
    """A predictor's typed outputs, in DSPy's own format."""
    wire.gateway.reset()
    wire.gateway.say(text="[[ ## place ## ]]\nOslo\n\n[[ ## height ## ]]\n3\n\n[[ ## completed ## ]]")
    with dspy.context(lm=model(wire)):
        made = dspy.Predict("question -> place: str, height: int")(question=ASK)
    from harness import Tide

    return Tide(place=made.place, height=made.height)


run(
    answer=lambda wire: model(wire)(ASK)[0],
    tools="its tools are prompts of its own",
    stream="streaming is asynchronous there, and takes no client",
    structure=predicted,
)
