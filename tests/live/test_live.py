"""The wire contract against the real gateway: what ``requesty-adapters verify --live`` does, as a test.

It runs only when REQUESTY_API_KEY is set, costs at most REQUESTY_LIVE_BUDGET (0.10 USD by default) and a cent more, and
changes nothing at the gateway. One test for all facts, because workers of pytest-xdist would each pay for a run.
"""

from __future__ import annotations

import os
from decimal import Decimal

import pytest

from requesty_cli.verify.command import live_target
from requesty_cli.verify.report import counts, text_of
from requesty_cli.verify.run import Verification
from requesty_core import RequestyClient

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not os.environ.get("REQUESTY_API_KEY"), reason="needs REQUESTY_API_KEY and the real gateway"),
    pytest.mark.timeout(1800),
]

MODELS = {"chat": "REQUESTY_LIVE_MODEL", "embedding": "REQUESTY_LIVE_EMBEDDING_MODEL"}


def test_no_fact_of_the_contract_is_contradicted() -> None:
    models = {role: os.environ[name] for role, name in MODELS.items() if os.environ.get(name)}
    budget = Decimal(os.environ.get("REQUESTY_LIVE_BUDGET", "0.10"))
    run = Verification(live_target(None, None, None), budget=budget, models=models)
    results = run.run()
    report = text_of(run, results, live=True)
    print(report)
    assert counts(results)["contradicted"] == 0, report
    assert counts(results)["confirmed"] > 0, report


def test_the_client_reads_what_the_gateway_answers() -> None:
    """One call by this project's own client, which the first test does without."""
    model = os.environ.get("REQUESTY_LIVE_MODEL", "openai/gpt-4o-mini")
    messages = [{"role": "user", "content": "Answer with the single word: pong"}]
    reply = RequestyClient().chat(model=model, messages=messages, max_tokens=16)
    assert "pong" in reply.text.lower()
    assert reply.usage is not None
    assert reply.usage.cost is not None
