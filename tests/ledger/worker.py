"""A process that calls and books: ``worker.py URL KEY STORE USER CALLS``; a line after each call that was answered.

With ``BUDGET`` in the environment, calls are limited by a budget of that many USD in the same store.
"""

from __future__ import annotations

import os
import sys

from requesty_core import Budget, BudgetExceededError, CostLedger, RequestyClient


def main() -> None:
    url, key, store, user, calls = sys.argv[1:]
    limit = os.environ.get("BUDGET")
    client = RequestyClient(
        base_url=url,
        api_key=key,
        ledger=CostLedger(store=store),
        budget=None if limit is None else Budget(limit, store=store),
        options={"user_id": user, "tags": ["workers"]},
    )
    messages = [{"role": "user", "content": "How high is the light?"}]
    for number in range(int(calls)):
        try:
            if number % 2:
                "".join(client.stream(model="openai/gpt-4o-mini", messages=messages).text_stream)
            else:
                client.chat(model="openai/gpt-4o-mini", messages=messages)
        except BudgetExceededError:
            print("refused", flush=True)
            return
        print("answered", flush=True)


main()
