"""What `models` filters and `doctor` finds, without a terminal."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError
from typing import ClassVar

import pytest

from requesty_cli.doctor import Finding, examine, region_of
from requesty_cli.frameworks import Framework, frameworks, supported
from requesty_cli.models import Filters, Sort, explain, ordered, row
from requesty_cli.options import RegionName
from requesty_cli.probe import Sample, clock_skew
from requesty_cli.problems import UsageProblemError
from requesty_core import RequestyClient
from requesty_core.catalog.catalog import Catalog, ModelInfo
from requesty_core.settings.config import REGIONS

# --- models -----------------------------------------------------------------------------------------------------------

CHEAP = ModelInfo("a/cheap", input_price=Decimal("0.000001"), output_price=Decimal("0.00001"), context_window=10)
FREE = ModelInfo("a/free", input_price=Decimal(0), output_price=Decimal(0))
UNKNOWN = ModelInfo("b/unknown", supports_vision=True)
CATALOG = Catalog([UNKNOWN, CHEAP, FREE])


def test_an_unknown_price_is_not_zero() -> None:
    assert [m.id for m in Filters(max_input_price=0.5).apply(CATALOG)] == ["a/free"]
    assert [m.id for m in Filters(max_output_price=10).apply(CATALOG)] == ["a/cheap", "a/free"]
    assert (row(UNKNOWN)["input"], row(FREE)["input"], row(CHEAP)["output"]) == (None, Decimal(0), Decimal(10))
    assert str(row(CHEAP)["output"]) == "10"


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", [Sort.INPUT_PRICE, Sort.OUTPUT_PRICE])
def test_unknown_comes_last_in_either_order(sort: Sort, descending: bool) -> None:
    ids = [m.id for m in ordered(Filters().apply(CATALOG), sort, descending)]
    assert ids == (["a/cheap", "a/free"] if descending else ["a/free", "a/cheap"]) + ["b/unknown"]


def test_nothing_found_is_explained_by_condition() -> None:
    told = explain(Filters(capability=("vision",), max_input_price=5), CATALOG, offline=False)
    assert told.splitlines() == [
        "No model of 3 meets every condition.",
        "Without --capability vision: 2 models.",
        "Without --max-input-price 5: 1 model.",
    ]
    assert "does not say where" in explain(Filters(hosted_in="eu"), CATALOG, offline=True)
    assert explain(Filters(), Catalog([]), offline=False) == "The gateway lists no models for this key."
    assert "try fewer" in explain(Filters(search="x", provider="y"), CATALOG, offline=False)


def test_a_capability_that_is_none_is_refused() -> None:
    with pytest.raises(UsageProblemError, match="'flying'"):
        Filters(capability=("flying",))


# --- doctor -----------------------------------------------------------------------------------------------------------


def test_every_region_is_known() -> None:
    assert [name.value for name in RegionName] == list(REGIONS)
    assert [region_of(url) for url in REGIONS.values()] == list(REGIONS)
    assert region_of("http://127.0.0.1/v1") is None


def sample(date: str | None, received: datetime, seconds: float = 0.0) -> Sample:
    return Sample(seconds, 200, date, received.timestamp())


def test_clock_skew_is_read_from_the_date_of_the_answer() -> None:
    now = datetime(2026, 8, 7, 12, 0, 30, 500_000, tzinfo=UTC)
    date = format_datetime(datetime(2026, 8, 7, 12, 0, 0, tzinfo=UTC), usegmt=True)
    assert clock_skew(sample(date, now)) == pytest.approx(30.0)
    # Half of the round trip belongs to the way back.
    assert clock_skew(sample(date, now, seconds=4.0)) == pytest.approx(28.0)
    assert clock_skew(sample(None, now)) is None
    assert clock_skew(sample("yesterday", now)) is None


class Dated(BaseHTTPRequestHandler):
    """Answers everything with an empty list and a date of its own."""

    behind: ClassVar[timedelta] = timedelta(0)
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b'{"data": []}'
        self.send_response_only(200)
        self.send_header("Date", format_datetime(datetime.now(tz=UTC) - self.behind, usegmt=True))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on the screen."""


@pytest.fixture
def dated() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Dated)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("behind", "status", "told"),
    [
        (timedelta(0), "ok", "in step with the gateway's"),
        (timedelta(hours=1), "warn", r"3\d\d\d s ahead of the gateway's"),
        (timedelta(hours=-1), "warn", r"3\d\d\d s behind the gateway's"),
    ],
)
def test_the_clock_is_compared_with_the_gateway(
    behind: timedelta, status: str, told: str, dated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dated, "behind", behind)
    monkeypatch.setenv("REQUESTY_API_KEY", "rqy-test")
    found = findings(RequestyClient(base_url=dated))
    assert found["clock"].status == status
    assert re.search(told, found["clock"].detail)


def findings(client: RequestyClient, installed: list[Framework] | None = None) -> dict[str, Finding]:
    made = examine(client, source="the test", installed=lambda: installed or [])
    return {finding.name: finding for finding in made}


def test_a_framework_outside_its_range_is_bad_and_a_missing_one_is_not(
    dated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", "rqy-test")
    installed = [
        Framework("langchain", "langchain-core", ">=1.6,<2", "1.2.0", False),
        Framework("openai", "openai", ">=2,<4", None, None),
    ]
    found = findings(RequestyClient(base_url=dated), installed)
    assert (found["langchain"].status, found["openai"].status) == ("bad", "info")
    assert found["langchain"].advice == "pip install --upgrade 'requesty-adapters[langchain]'"
    assert "pip install 'requesty-adapters[openai]'" in found["openai"].detail


def test_ranges_come_from_the_metadata_of_the_package() -> None:
    requires = [
        "httpx>=0.27",
        "typer>=0.12; extra == 'cli'",
        "langchain-core<2,>=1.6; extra == 'langchain'",
        "requesty-adapters[langchain]; extra == 'all'",
        "langchain-core<2,>=1.6; extra == 'all'",
    ]
    found = supported(requires, ["langchain", "cli", "all"])
    assert {extra: str(one.specifier) for extra, one in found.items()} == {"langchain": "<2,>=1.6"}


def test_installed_versions_are_held_against_the_ranges() -> None:
    def version(package: str) -> str:
        if package == "openai":
            raise PackageNotFoundError(package)
        return {"langchain-core": "1.0.0"}.get(package, "999")

    found = {one.extra: one for one in frameworks(version)}
    assert set(found) == {"langchain", "llama-index", "haystack", "pydantic-ai", "openai"}
    assert found["langchain"].is_supported is False
    assert found["openai"].is_supported is None
    assert found["langchain"].supported.startswith(">=")
