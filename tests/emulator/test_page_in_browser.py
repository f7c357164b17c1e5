"""The page of requests in headless Chromium, on a desk and on a phone, light and dark. Run: ``make page-look``.

Pictures go to ``build/look/emulator/``. Skipped where Playwright or Chromium is missing; ``CHROMIUM`` names the browser
if it is elsewhere.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from requesty_emulator import GatewayEmulator, Policy

from .wire import CHAT, MODEL, ask, tool

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
PICTURES = Path(__file__).parents[2] / "build" / "look" / "emulator"
SIZES = {"desk": (1280, 860), "phone": (390, 844)}

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed; `make page-look` does")
if CHROMIUM is None:
    pytest.skip("no Chromium on the PATH; install it or set CHROMIUM", allow_module_level=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    arguments = ["--no-sandbox", "--disable-background-networking", "--disable-quic"]
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


class Looked:
    """A page, and what it did wrong: errors of its console, requests to other hosts."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.said: list[str] = []
        page.on("console", lambda message: self.said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda sent: None if sent.url.startswith(f"{base}/") else self.said.append(sent.url))
        page.set_default_timeout(20_000)
        page.goto(f"{base}/")
        self.shows("#live", "live")

    def shows(self, selector: str, text: str) -> None:
        playwright.expect(self.page.locator(selector).first).to_contain_text(text, timeout=20_000)

    def rows(self, count: int) -> None:
        playwright.expect(self.page.locator(".row:visible")).to_have_count(count, timeout=20_000)

    def models(self) -> list[str]:
        return self.page.locator(".row:visible .model").all_inner_texts()

    def overflow(self) -> int:
        wide: int = self.page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wide


@pytest.fixture
def looked(browser: Browser, gw: GatewayEmulator) -> Iterator[Looked]:
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    looked = Looked(page, gw.management_url)
    yield looked
    page.close()
    assert looked.said == []


def fill(gw: GatewayEmulator, http: httpx.Client) -> None:
    """Requests of every kind that the page has something to say about."""

    def post(text: str, model: str = MODEL, **fields: Any) -> None:
        system = {"role": "system", "content": "Answer in one sentence."}
        http.post(CHAT, json={"model": model, "messages": [system, {"role": "user", "content": text}], **fields})

    weather = tool("get_weather", "Current weather of a city", city={"type": "string"})
    gw.policies["support"] = Policy(models=["openai/gpt-4o", "anthropic/claude-sonnet-4-5"])
    post("The light is 31 metres high. How high is the light?")
    post("What is the weather in Oslo?", tools=[weather])
    post("Hi", "openai/gpt-4o", temperature=9)
    http.post("/v1/embeddings", json={"model": "openai/text-embedding-3-small", "input": ["a ferry", "a harbour"]})
    body = {"model": "anthropic/claude-sonnet-4-5", "max_tokens": 200, "stream": True}
    http.post("/v1/messages", json={**body, "messages": [{"role": "user", "content": "Where does the ferry go?"}]})
    gw.settings.time_scale = 0.05
    gw.fault(model="openai/gpt-4o", status=503, times=1)
    gw.fault(model="policy/support", status=429, retry_after=0, times=1)
    gw.say("The harbour wakes before the sun: gulls first, then the ferry, then the baker who sells to both.")
    gw.settings.chunk_delay = 0.015
    for _ in range(2):
        post("Describe the harbour at dawn.", "policy/support", stream=True, stream_options={"include_usage": True})
    gw.settings.chunk_delay = 0
    assert gw.wait_idle()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_looks_right(browser: Browser, gw: GatewayEmulator, http: httpx.Client, size: str, scheme: Any) -> None:
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    looked = Looked(page, gw.management_url)
    fill(gw, http)
    looked.rows(7)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{size}-{scheme}-list.png")
    assert looked.overflow() <= 0
    page.locator(".row").first.click()
    looked.shows("#detail h2", "200 POST /v1/chat/completions")
    assert page.locator(".bar").count() >= 4
    assert page.locator(".marks i").count() > 10
    assert page.locator("#list").is_visible() == (size == "desk")
    assert looked.overflow() <= 0
    page.screenshot(path=PICTURES / f"{size}-{scheme}-request.png")
    if size == "phone":
        page.get_by_role("button", name="Back").click()
        assert page.locator("#list").is_visible()
        small = [
            box for box in page.locator("header :is(button, input, select)").all() if box.bounding_box()["height"] < 40
        ]  # type: ignore[index]
        assert small == []
    page.close()
    assert looked.said == []


def test_requests_appear_as_they_come(looked: Looked, gw: GatewayEmulator, http: httpx.Client) -> None:
    looked.shows("#empty", gw.base_url)
    http.post(CHAT, json=ask("first"))
    looked.rows(1)
    looked.shows(".row", "200")
    gw.settings.chunk_delay = 0.05
    gw.say("one two three four five six seven eight nine ten")
    with http.stream("POST", CHAT, json=ask("second", stream=True)) as answer:
        looked.shows(".row .asked", "second")
        looked.shows(".row .status", "200…")
        looked.page.locator(".row").first.click()
        looked.shows("#detail .said[data-kind=text] pre >> nth=0", "second")
        answer.read()
    looked.shows(".row .status", "200")
    looked.shows("#detail pre:has-text('ten')", "nine ten")
    looked.shows("#totals", f"2 requests, ${gw.billed:f}")
    gw.clear()
    looked.rows(0)


def test_search_and_kinds(looked: Looked, gw: GatewayEmulator, http: httpx.Client) -> None:
    fill(gw, http)
    looked.rows(7)
    looked.page.keyboard.press("/")
    looked.page.keyboard.type("ferry anthropic")
    looked.rows(1)
    looked.shows("#totals", "1 shown of 7 requests")
    looked.page.keyboard.press("Control+a")
    looked.page.keyboard.type("400")
    looked.rows(1)
    looked.shows(".row:visible .error", "temperature must be at most 2")
    looked.page.fill("#search", "")
    for kind, count in {"failed": 2, "refused": 1, "stream": 3, "open": 0, "all": 7}.items():
        looked.page.select_option("#kind", kind)
        looked.rows(count)


def test_keys_do_what_the_mouse_does(looked: Looked, gw: GatewayEmulator, http: httpx.Client) -> None:
    for number in range(4):
        http.post(CHAT, json=ask(f"number {number}"))
    looked.rows(4)
    looked.page.focus("#rows")
    for key, expected in [("ArrowDown", 3), ("ArrowDown", 2), ("j", 1), ("k", 2), ("End", 0), ("Home", 3)]:
        looked.page.keyboard.press(key)
        looked.shows(".row[aria-selected=true] .asked", f"number {expected}")
        looked.shows("#detail pre", f"number {expected}")
    chosen = looked.page.locator("#rows").get_attribute("aria-activedescendant")
    assert chosen == looked.page.locator(".row[aria-selected=true]").get_attribute("id")
    looked.page.keyboard.press("Enter")
    assert looked.page.evaluate("() => document.activeElement.id") == "detail"
    looked.page.keyboard.press("Escape")
    assert looked.page.evaluate("() => document.activeElement.id") == "rows"


def test_what_a_request_says_is_never_markup(looked: Looked, gw: GatewayEmulator, http: httpx.Client) -> None:
    bad = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"
    gw.say(bad, reasoning=bad, tool_calls=[{"name": bad[:60], "arguments": bad}])
    wicked = tool("t", bad, city={"type": "string", "description": bad})
    http.post(CHAT, json=ask(bad, tools=[wicked], model=MODEL, user=bad), headers={"x-note": bad})
    http.post(CHAT, json={**ask("x"), "model": bad})
    looked.rows(2)
    for row in looked.page.locator(".row").all():
        row.click()
        looked.shows("#detail", "onerror")
        for one in looked.page.locator("details summary").all():
            one.click()
    assert looked.page.locator("main img, main script").count() == 0
    assert looked.page.title() == "Requests · Requesty emulator"


def test_pause_and_colours(looked: Looked, gw: GatewayEmulator, http: httpx.Client) -> None:
    http.post(CHAT, json=ask("before"))
    looked.rows(1)
    looked.page.get_by_role("button", name="Pause").click()
    http.post(CHAT, json=ask("meanwhile"))
    http.post(CHAT, json=ask("later", temperature=9))
    with httpx.Client(base_url=gw.management_url, trust_env=False) as other:
        assert other.get("/_emulator/requests").json()["total"] == 3
    looked.rows(1)
    looked.page.get_by_role("button", name="Go on").click()
    looked.rows(3)
    assert looked.page.locator(".row .asked").all_inner_texts() == ["later", "meanwhile", "before"]
    back = "() => getComputedStyle(document.body).backgroundColor"
    colours = []
    for _ in range(3):
        looked.page.click("#theme")
        colours.append(looked.page.evaluate(back))
    assert colours == ["rgb(255, 255, 255)", "rgb(20, 22, 26)", "rgb(255, 255, 255)"]


def test_a_thousand_requests_are_drawn_once(looked: Looked, gw: GatewayEmulator, http: httpx.Client) -> None:
    """Rows stay the same elements, the oldest go, and a change touches one row: no time is measured."""
    for number in range(1_010):
        http.post(CHAT, json=ask(f"number {number}"))
    looked.shows("#totals", "1010 requests")
    looked.rows(1_000)
    watch = """() => {
      window.touched = new Set();
      const all = {childList: true, subtree: true, attributes: true};
      new MutationObserver(found => found.forEach(one => {
        const row = (one.target.closest ? one.target : one.target.parentElement).closest(".row");
        if (row) window.touched.add(row.id);
        one.addedNodes.forEach(node => node.id && window.touched.add(node.id));
      })).observe(document.getElementById("rows"), {...all, characterData: true});
    }"""
    looked.page.evaluate(watch)
    http.post(CHAT, json=ask("the last one"))
    looked.shows(".row .asked", "the last one")
    looked.shows("#totals", "1011 requests")
    assert looked.page.evaluate("() => window.touched.size") == 1
    looked.page.fill("#search", "number 77")
    looked.rows(sum("77" in str(number) for number in range(11, 1_010)))
    looked.shows(".row:visible .asked", "number 977")
