"""RequestyEmbeddings against OpenAIEmbeddings over many texts: time and memory, each in a process of its own.

Run: ``python benchmarks/bench_embeddings.py [TEXTS …]`` (default 10000 20000). Both embed the same texts with their own
defaults against the same server on loopback, in turn, three rounds; the ratio is ours to theirs, of the medians.
OpenAIEmbeddings is told to send plain text, as it must on gateways. Needs ``langchain-openai``.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from quick import KEY, server

ROUNDS = 3
PROGRAM = """
import json, sys, time
from pathlib import Path
name, url, key, count = sys.argv[1:5]
texts = [f"The light of Skerry Point, as seen from mile {i} of the sea." for i in range(int(count))]
settings = {"model": "bench/base64", "api_key": key, "base_url": url, "max_retries": 0}
if name == "theirs":
    from langchain_openai import OpenAIEmbeddings
    model = OpenAIEmbeddings(check_embedding_ctx_length=False, **settings)
else:
    from langchain_requesty import RequestyEmbeddings
    model = RequestyEmbeddings(**settings)
model.embed_query("warm")
lines = lambda: Path("/proc/self/status").read_text().splitlines()
size = lambda what: next(int(line.split()[1]) for line in lines() if line.startswith(what)) / 1024
before, started, cpu = size("VmRSS"), time.perf_counter(), time.process_time()
if name == "stream":
    number = sum(1 for _ in model.embed_stream(texts))
else:
    vectors = model.embed_documents(texts)
    number = len(vectors)
assert number == len(texts)
print(json.dumps({
    "seconds": time.perf_counter() - started,
    "cpu": time.process_time() - cpu,
    "peak": size("VmHWM"),
    "grown": size("VmHWM") - before,
}))
"""


def measure(name: str, url: str, count: int) -> dict[str, float]:
    """One run in a process of its own: seconds of the clock and of CPU, MB at its highest and what it grew by."""
    command = [sys.executable, "-c", PROGRAM, name, url, KEY, str(count)]
    found: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    return found


def main(counts: list[int]) -> None:
    """Print the table."""
    print(f"{'':34}{'OpenAIEmbeddings':>17}{'ours':>9}{'ratio':>8}{'ours, streamed':>16}")
    with server() as url:
        for count in counts:
            runs: dict[str, list[dict[str, float]]] = {"theirs": [], "ours": [], "stream": []}
            for _ in range(ROUNDS):
                for name, found in runs.items():
                    found.append(measure(name, url, count))
            for what, label in (
                ("seconds", "s"),
                ("cpu", "s CPU of the client"),
                ("peak", "MB at its highest"),
                ("grown", "MB grown by"),
            ):
                theirs, ours, stream = (statistics.median(run[what] for run in found) for found in runs.values())
                print(f"{f'{count} texts, {label}':34}{theirs:17.2f}{ours:9.2f}{ours / theirs:8.2f}{stream:16.2f}")


if __name__ == "__main__":
    main([int(count) for count in sys.argv[1:]] or [10_000, 20_000])
