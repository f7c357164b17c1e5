"""pytest fixtures, registered by the package's entry point: a test only has to name ``requesty_gateway``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from requesty_emulator.cassettes.record import Recorder
    from requesty_emulator.cassettes.replay import Replayer
    from requesty_emulator.server.server import GatewayEmulator

MARK = "requesty_cassette"
_SETTINGS = ("file", "mixed", "repeat", "timing")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--requesty-record URL``: cassettes are recorded from there instead of replayed."""
    parser.getgroup("requesty").addoption(
        "--requesty-record",
        metavar="URL",
        default=None,
        help="record the cassettes of requesty_cassette anew, from this server; clients need a key of it",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, also to runs with --strict-markers."""
    told = "the cassette of this test, beside its file, and whether it is mixed, repeats, or keeps its timing"
    config.addinivalue_line("markers", f"{MARK}(file, *, mixed=False, repeat=False, timing=0): {told}")


@pytest.fixture(scope="session")
def requesty_gateway_server() -> Iterator[GatewayEmulator]:
    """One emulator for the whole session (one per worker under xdist)."""
    # Loaded here, because every run of pytest loads this module, also those without the [emulator] extra.
    try:
        from requesty_emulator.server.server import GatewayEmulator
    except ModuleNotFoundError as missing:
        pytest.fail(_missing(missing), pytrace=False)
    # Reset before each test, so what is kept without a limit is what one test sent.
    with GatewayEmulator(keep_requests=None, keep_bytes=None) as gateway:
        yield gateway


@pytest.fixture
def requesty_gateway(requesty_gateway_server: GatewayEmulator) -> Iterator[GatewayEmulator]:
    """The session's emulator in its initial state, for one test."""
    requesty_gateway_server.reset()
    yield requesty_gateway_server
    requesty_gateway_server.wait_idle(1.0)


@pytest.fixture
def requesty_cassette(request: pytest.FixtureRequest) -> Iterator[Replayer | Recorder]:
    """A server that answers from this test's cassette: ``base_url`` and ``api_key`` are for the client under test.

    The file is ``cassettes/MODULE/TEST.json`` beside the test's own, or what the mark ``requesty_cassette(FILE)``
    says. A request that it does not have gets an error, and fails the test at its end even if nobody minded it. With
    ``pytest --requesty-record URL`` the requests go to that server, ``api_key`` is ``REQUESTY_API_KEY`` of the
    environment, and the file is written.
    """
    try:
        from requesty_emulator.cassettes.record import Recorder
        from requesty_emulator.cassettes.replay import Replayer
        from requesty_emulator.errors import ConfigError
    except ModuleNotFoundError as missing:
        pytest.fail(_missing(missing), pytrace=False)
    path, settings = _of_test(request)
    upstream = request.config.getoption("--requesty-record")
    try:
        if upstream is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with Recorder(path, upstream, overwrite=True) as recorder:
                recorder.api_key = os.environ.get("REQUESTY_API_KEY") or recorder.api_key
                yield recorder
            return
        if not path.exists():
            pytest.fail(f"cassette {path}: does not exist; record it with pytest --requesty-record URL", pytrace=False)
        with Replayer(path, **settings) as replayer:
            yield replayer
    except ConfigError as error:
        pytest.fail(str(error), pytrace=False)
    if replayer.unknown and not settings.get("mixed"):
        pytest.fail("\n".join(replayer.unknown), pytrace=False)


def _of_test(request: pytest.FixtureRequest) -> tuple[Path, dict[str, Any]]:
    """A test's cassette, and how it is replayed."""
    mark = request.node.get_closest_marker(MARK)
    values: dict[str, Any] = {} if mark is None else {**dict(zip(("file",), mark.args, strict=False)), **mark.kwargs}
    wrong = next((name for name in values if name not in _SETTINGS), None)
    if wrong is not None or (mark is not None and len(mark.args) > 1):
        pytest.fail(f"mark {MARK}: takes one file and {', '.join(_SETTINGS[1:])}, not {wrong!r}", pytrace=False)
    test = Path(request.node.path)
    # The values of a parametrised test may hold anything.
    name = re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    file = values.pop("file", None) or Path("cassettes", test.stem, f"{name}.json")
    return test.parent / file, values


def _missing(missing: ModuleNotFoundError) -> str:
    return f"{missing.name} is not installed; run: pip install 'requesty-adapters[emulator]'"
