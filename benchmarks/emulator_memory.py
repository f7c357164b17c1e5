"""How much memory the emulator takes for many large requests: ``python benchmarks/emulator_memory.py [REQUESTS [KB]]``.

The emulator runs in a process of its own; its highest resident size is printed at every tenth of the run.
Exits with 1 above 200 MB.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from pathlib import Path

LIMIT_MB = 200
SERVER = """
import sys
from requesty_emulator import GatewayEmulator
with GatewayEmulator(check_context=False) as gateway:
    print(gateway.port, gateway.api_key, flush=True)
    sys.stdin.read()
"""
ROUTES = ("/v1/chat/completions", "/v1/responses", "/v1/messages")


def peak_mb(pid: int) -> float:
    """Highest resident size of a process so far, in MB (10**6 bytes)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


def body(route: str, number: int, size: int) -> bytes:
    """A request of about ``size`` bytes, no two alike."""
    text = f"request {number} " + "words of a long prompt, told once more. " * (size // 39)
    sent: dict[str, object] = {"model": "openai/gpt-4o-mini"}
    if route.endswith("responses"):
        sent["input"] = text[:size]
    else:
        sent["messages"] = [{"role": "user", "content": text[:size]}]
        sent["max_tokens"] = 50
    return json.dumps(sent).encode()


def main(requests: int = 10_000, kilobytes: int = 100) -> int:
    """Send the requests one after the other and print the server's peak."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert server.stdin is not None
    port, key = server.stdout.readline().split()
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
    peak = peak_mb(server.pid)
    print(f"at the start {peak:.0f} MB")
    try:
        for number in range(1, requests + 1):
            route = ROUTES[number % len(ROUTES)]
            connection.request("POST", route, body(route, number, kilobytes * 1000), headers)
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                print(f"{route}: HTTP {response.status}")
                return 1
            if number % max(requests // 10, 1) == 0:
                peak = peak_mb(server.pid)
                print(f"{number:>6} requests of {kilobytes} kB: {peak:.0f} MB", flush=True)
    finally:
        server.stdin.close()
        server.wait(10)
    print("ok" if peak < LIMIT_MB else f"more than {LIMIT_MB} MB")
    return int(peak >= LIMIT_MB)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
