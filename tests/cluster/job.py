"""A driver on a local Ray cluster with two workers: one bulk run, its rows written to a file. Started by ``run.py``."""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

import ray
import ray.data

from requesty_core import Budget, CostLedger, RequestyClient, bulk_chat, bulk_embed


def main() -> None:
    """Run what the arguments say; rows go to ``--out`` as lines of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["chat", "embed"])
    parser.add_argument("count", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--budget")
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    rows = [{"id": number, "text": f"row {number}"} for number in range(given.count)]
    dataset = ray.data.from_items(rows, override_num_blocks=max(2, given.count // 100))
    shared = {
        "client": RequestyClient(ledger=CostLedger(store=given.folder / "ledger.db")),
        "checkpoint": given.folder / "checkpoint",
        "budget": None if given.budget is None else Budget(given.budget, store=given.folder / "ledger.db", name="run"),
        "concurrency": given.concurrency,
        "workers": given.workers,
        "identity": "id",
    }
    if given.kind == "embed":
        done = bulk_embed(dataset, model="openai/text-embedding-3-small", dimensions=16, batch_size=32, **shared)
    else:
        done = bulk_chat(dataset, model="openai/gpt-4o-mini", prompt="Label: {text}", batch_size=100, **shared)
    with (given.folder / "out.jsonl").open("w") as file:
        for row in done.iter_rows():
            vector = row.pop("vector", None)
            held = None if vector is None else len(vector)
            file.write(json.dumps({**row, "dimensions": held}) + "\n")


if __name__ == "__main__":
    main()
