"""Look at every page of the built site in a browser: on a desk, on a phone, and dark. Run: ``make docs-look``.

Pictures go to ``build/look/``. Fails on a page that is wider than its window or too long, asks another host for
something, shows an error in the console, has faint or cut text, an empty section, a picture that does not load or whose
text is too small, or a copy button at an output; and on a search that does not find what the gateway's own navigation
lists. Needs Chromium; ``CHROMIUM`` names it if it is elsewhere.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

ROOT = Path(__file__).resolve().parents[1]
SITE, PICTURES = ROOT / "site", ROOT / "build" / "look"
VIEWS: dict[str, tuple[int, int, Literal["light", "dark"]]] = {
    "desk": (1280, 900, "light"),
    "phone": (390, 844, "light"),
    "dark": (1280, 900, "dark"),
}
# Screens of 900 pixels on the desk that a page of prose may be long; what is looked things up in may be longer.
LONGEST = 9.0
LOOKED_UP_IN = ("reference/", "contract", "conformance", "errors", "cli", "notebooks/", "concepts/migrating")
# Pixels of the smallest text of a picture on a phone.
SMALLEST_TEXT = 9.0
SEARCHES = (
    *("prompt optimization", "prompt optimisation", "prompt library", "smart routing", "session reconstruction"),
    *("bring your own keys", "BYOK", "users", "groups", "RBAC", "Requests", "Axios", "Vercel AI SDK", "LlamaIndex TS"),
)
LOOK = (Path(__file__).parent / "look.js").read_text(encoding="utf-8")


class Quiet(SimpleHTTPRequestHandler):
    """Serves without a line per request."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def pages() -> list[Path]:
    """Every page of the site."""
    return sorted(path for path in SITE.rglob("*.html") if path.name != "404.html")


def problems(browser: Browser, base: str) -> Iterator[str]:
    """What is wrong, page by page; takes the pictures on the way."""
    for kind, (width, height, scheme) in VIEWS.items():
        view = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        said = listen(view, base)
        for path in pages():
            name = path.parent.relative_to(SITE).as_posix()
            view.goto(f"{base}/{name}/" if name != "." else f"{base}/", wait_until="load")
            yield from look_at(view, kind, name)
            yield from (f"{kind} {name}: {line}" for line in said)
            said.clear()
            picture = PICTURES / kind / f"{name.replace('/', '_').strip('.') or 'index'}.png"
            # Longer ones are more than a browser paints at once.
            tall = min(view.evaluate("document.documentElement.scrollHeight"), 16_000)
            view.screenshot(
                path=picture, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": tall}, timeout=120_000
            )
        view.close()


def searches(browser: Browser, base: str) -> Iterator[str]:
    """Searches of which neither the first nor the second result is the page that has the gateway's features."""
    view = browser.new_page()
    # Those that lack a word of the search say so.
    first = ".md-search-result__item:nth-child(-n+2) "
    found = first + ".md-search-result__link[href*='concepts/gateway']:not(:has(.md-search-result__terms))"
    for words in SEARCHES:
        view.goto(f"{base}/?{urlencode({'q': words})}", wait_until="load")
        try:
            view.locator(found).first.wait_for(state="attached", timeout=30_000)
        except PlaywrightTimeout:
            yield f"search: {words!r} does not show the page of the gateway's features first or second"
    view.close()


def listen(view: Page, base: str) -> list[str]:
    """The list that errors of the console and requests to other hosts are put into as they come."""
    said: list[str] = []
    view.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    view.on("request", lambda request: None if request.url.startswith((base, "data:")) else said.append(request.url))
    return said


def look_at(view: Page, kind: str, name: str) -> Iterator[str]:
    """What the page itself shows to be wrong."""
    seen = view.evaluate(LOOK)
    where = f"{kind} {name}"
    if seen["overflow"] > 0:
        yield f"{where}: {seen['overflow']} pixels wider than the window"
    if kind == "desk" and seen["height"] > LONGEST * VIEWS["desk"][1] and not name.startswith(LOOKED_UP_IN):
        yield f"{where}: {seen['height'] / VIEWS['desk'][1]:.1f} screens long"
    yield from (f"{where}: {source} does not load" for source in seen["broken"])
    yield from (f"{where}: contrast {ratio:.2f} of {key} ({text})" for key, ratio, text in seen["faint"])
    yield from (f"{where}: cut off: {what}" for what in seen["cut"])
    yield from (f"{where}: nothing under the heading {what}" for what in seen["bare"])
    yield from (f"{where}: markup is shown as text: {what}" for what in seen["raw"])
    for source, text in seen["pictures"]:
        if kind == "phone" and text < SMALLEST_TEXT:
            yield f"{where}: text of {text:.1f} pixels in {source}, or not told (docs/site_hooks.py)"
    if seen["buttons"]:
        yield f"{where}: {seen['buttons']} copy buttons at what nobody runs"


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
        base = f"http://127.0.0.1:{server.server_port}"
        for problem in chain(problems(browser, base), searches(browser, base)):
            found += 1
            print(problem, flush=True)
        browser.close()
    server.shutdown()
    print(f"{len(pages())} pages in {len(VIEWS)} views, {found} problems; pictures in build/look")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
