"""How fast a bulk run is, and what a row costs: ``python benchmarks/bulk.py [--ray] [--write]``.

``--ray`` measures by workers of a local cluster instead, and needs the extras ``ray`` and ``emulator``. ``--write``
keeps rows per second in ``docs/bulk.json`` and draws ``docs/assets/bulk.svg`` from it, which needs matplotlib.

The emulated gateway runs in a process of its own and answers after a fixed time, as a model would. Rows per second grow
with the requests at a time until one core of either side is busy; the processor's time per row is the run's own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "integrations")]
KEPT, PICTURE = ROOT / "docs" / "bulk.json", ROOT / "docs" / "assets" / "bulk.svg"
LATENCY = 0.2
MODEL, EMBEDDER = "openai/gpt-4o-mini", "openai/text-embedding-3-small"


def _serve(pipe: Connection, latency: float) -> None:
    from requesty_emulator import GatewayEmulator

    with GatewayEmulator(delay=latency, keep_requests=1) as gateway:
        pipe.send((gateway.base_url, gateway.api_key))
        pipe.recv()


@contextmanager
def gateway(latency: float) -> Iterator[tuple[str, str]]:
    """Address and key of an emulated gateway in a process of its own."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, latency))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join(10)


def by_concurrency(base_url: str, key: str) -> dict[str, int]:
    """Rows per second by requests at a time."""
    from requesty_core import RequestyClient, bulk_chat

    found = {}
    print(f"chat, answers after {LATENCY} s\nat a time  rows/s  CPU ms/row")
    for most in (1, 4, 16, 32, 64, 128):
        # A limit of its own for each: it starts where the last one ended.
        client = RequestyClient(api_key=key, base_url=f"{base_url}", timeout=60)
        rows = [f"row {number}" for number in range(max(20, most * 12))]
        list(bulk_chat(rows[: most * 2], model=MODEL, client=client, concurrency=most))
        run = bulk_chat(rows, model=MODEL, client=client, concurrency=most)
        began, busy = time.perf_counter(), time.process_time()
        assert all(item.error is None for item in run)
        seconds, busy = time.perf_counter() - began, time.process_time() - busy
        found[str(most)] = round(len(rows) / seconds)
        print(f"{most:>9}  {len(rows) / seconds:>6.0f}  {busy / len(rows) * 1000:>10.2f}", flush=True)
    return found


def by_kind(base_url: str, key: str) -> None:
    """What a row costs in processor's time, on disk, and in memory where a checkpoint is read again."""
    from requesty_core import RequestyClient, bulk_chat, bulk_embed
    from requesty_core.bulk.checkpoint import named
    from requesty_core.bulk.records import Record, key_of
    from requesty_core.bulk.shards import Shards, prepare

    client = RequestyClient(api_key=key, base_url=base_url)
    with tempfile.TemporaryDirectory() as folder:
        for name, make, count in (
            ("chat", lambda rows, path: bulk_chat(rows, model=MODEL, client=client, checkpoint=path), 2_000),
            ("embed 1536", lambda rows, path: bulk_embed(rows, model=EMBEDDER, client=client, checkpoint=path), 5_000),
        ):
            rows = [f"row {number}" for number in range(count)]
            path = Path(folder) / name
            figures = []
            for _ in ("first", "again"):
                busy = time.process_time()
                assert all(item.error is None for item in make(rows, path))
                figures.append((time.process_time() - busy) / count * 1000)
            size = path.stat().st_size / count
            print(f"{name}: {figures[0]:.2f} CPU ms/row, from the checkpoint {figures[1]:.3f}; {size:.0f} bytes/row")
        run = named("chat", MODEL, {})
        shards = Shards(prepare(Path(folder) / "shards", run), run)
        tracemalloc.start()
        shards.add([Record(key_of(number), number, True) for number in range(50_000)])
        held = tracemalloc.get_traced_memory()[0] / 50_000
        print(f"a shared checkpoint: {held:.0f} bytes of memory/row in each worker")
        shards.close()


def by_workers(base_url: str, key: str) -> dict[str, int]:
    """Rows per second by workers of a local Ray cluster. Needs the extra ``ray``."""
    import ray
    import ray.data

    from requesty_core import bulk_chat

    os.environ.update(REQUESTY_API_KEY=key, REQUESTY_BASE_URL=base_url, RAY_USAGE_STATS_ENABLED="0")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False
    print("Ray, 16 requests at a time in each worker\nworkers  rows/s")
    rows = [{"text": f"row {number}"} for number in range(3_000)]
    found = {}
    for workers in (1, 2):
        dataset = ray.data.from_items(rows, override_num_blocks=12)
        lazy: Any = bulk_chat(dataset, model=MODEL, prompt="{text}", concurrency=16, workers=workers)
        times = [time.perf_counter() for row in lazy.iter_rows()]
        # Without the start of the workers: from the first rows that were handed out to the last.
        first = times.index(next(one for one in times if one > times[0] + 0.05))
        found[str(workers)] = round((len(times) - first) / (times[-1] - times[0]))
        print(f"{workers:>7}  {found[str(workers)]:>6}", flush=True)
    return found


def keep(name: str, found: dict[str, int]) -> None:
    """Write rows per second by ``concurrency`` or ``workers``."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    KEPT.write_text(json.dumps({**kept, name: found}, indent=2) + "\n", encoding="utf-8")


def draw() -> None:
    """The picture of what is kept, on no ground of its own, in greys that stand out on light and dark."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    figure = Figure(figsize=(8, 3), layout="constrained")
    FigureCanvasSVG(figure)
    for axis, name, title in zip(
        figure.subplots(1, 2, width_ratios=(2, 1)),
        ("concurrency", "workers"),
        ("by requests at a time", "by Ray workers"),
        strict=True,
    ):
        places = range(len(kept[name]))
        axis.plot(places, list(kept[name].values()), color="#3987e5", marker="o", markersize=5)
        for place, value in zip(places, kept[name].values(), strict=True):
            label = axis.annotate(str(value), (place, value), (0, 6), textcoords="offset points", ha="center")
            label.set(color="#808080", fontsize=8)
        axis.set_xticks(places, list(kept[name]))
        axis.set_ylim(0, max(kept[name].values()) * 1.2)
        axis.margins(x=0.15)
        axis.set_title(f"Rows a second {title}", loc="left", fontsize=9, color="#808080")
        axis.tick_params(colors="#808080", labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color("#808080")
    figure.savefig(PICTURE, transparent=True, metadata={"Date": None})


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ray", action="store_true", help="by workers of a local Ray cluster instead")
    parser.add_argument("--write", action="store_true", help="keep and draw rows per second")
    given = parser.parse_args()
    print(json.dumps({"python": sys.version.split()[0], "cores": os.cpu_count()}))
    with gateway(LATENCY) as (base_url, key):
        name = "workers" if given.ray else "concurrency"
        found = (by_workers if given.ray else by_concurrency)(base_url, key)
    if given.write:
        keep(name, found)
        draw()
    if given.ray:
        return
    with gateway(0.0) as (base_url, key):
        by_kind(base_url, key)


if __name__ == "__main__":
    main()
