"""What a process grows by in many calls: ``python -m tests.serving.growth DRIVER BASE_URL KEY CALLS`` prints JSON.

Half of the calls stream and half run on a loop; what is compared is the memory that Python's objects take.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tracemalloc

from tests.conformance.matrix import driver_of

from .jobs import Work

WARM = 200


def main(name: str, url: str, key: str, calls: str) -> None:
    """See the module."""
    driver = driver_of(name)
    work = Work(driver, {"base_url": url, "api_key": key, "max_retries": 0})

    async def many(jobs: int) -> None:
        for _ in range(jobs):
            await work.ajob()

    def some(jobs: int) -> None:
        for _ in range(jobs // 2):
            work.job()
        asyncio.run(many(jobs - jobs // 2))

    some(WARM)
    gc.collect()
    tracemalloc.start()
    some(WARM)
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    some(int(calls) // 2)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    print(json.dumps({"megabytes": round((after - before) / 1e6, 3), "problems": work.problems}))


if __name__ == "__main__":
    main(*sys.argv[1:])
