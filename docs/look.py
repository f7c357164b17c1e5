"""Look at every page of the built site in a real browser, on a desk and on a phone. Run: ``make docs-look``.

Pictures go to ``build/look/``. Fails on a page that is wider than its window, asks another host for something, shows an
error in the console, or has a picture that does not load. Needs Chromium; ``CHROMIUM`` names it if it is elsewhere.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
SITE, PICTURES = ROOT / "site", ROOT / "build" / "look"
WIDTHS = {"desk": (1280, 900), "phone": (390, 844)}
LOOK = """() => ({
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  broken: [...document.images].filter(image => image.complete && !image.naturalWidth).map(image => image.src),
})"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves without a line per request."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def pages() -> list[Path]:
    """Every page of the site."""
    return sorted(path for path in SITE.rglob("*.html") if path.name != "404.html")


def problems(browser: Browser, base: str) -> Iterator[str]:
    """What is wrong, page by page; takes the pictures on the way."""
    for kind, (width, height) in WIDTHS.items():
        view = browser.new_page(viewport={"width": width, "height": height})
        said = listen(view, base)
        for path in pages():
            name = path.parent.relative_to(SITE).as_posix()
            view.goto(f"{base}/{name}/" if name != "." else f"{base}/", wait_until="load")
            yield from look_at(view, f"{kind} {name}")
            yield from (f"{kind} {name}: {line}" for line in said)
            said.clear()
            picture = PICTURES / kind / f"{name.replace('/', '_').strip('.') or 'index'}.png"
            view.screenshot(path=picture, full_page=True)
        view.close()


def listen(view: Page, base: str) -> list[str]:
    """The list that errors of the console and requests to other hosts are put into as they come."""
    said: list[str] = []
    view.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    view.on("request", lambda request: None if request.url.startswith((base, "data:")) else said.append(request.url))
    return said


def look_at(view: Page, name: str) -> Iterator[str]:
    """What the page itself shows to be wrong."""
    seen = view.evaluate(LOOK)
    if seen["overflow"] > 0:
        yield f"{name}: {seen['overflow']} pixels wider than the window"
    yield from (f"{name}: {source} does not load" for source in seen["broken"])


def main() -> int:
    """Look at all of them."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("docs-look: no Chromium on the PATH; install it or set CHROMIUM", file=sys.stderr)
        return 2
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking", "--disable-quic"]
        )
        for problem in problems(browser, f"http://127.0.0.1:{server.server_port}"):
            found += 1
            print(problem)
        browser.close()
    server.shutdown()
    print(f"{len(pages())} pages at {len(WIDTHS)} widths, {found} problems; pictures in build/look")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
