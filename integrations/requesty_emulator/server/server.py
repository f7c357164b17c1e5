"""The emulator as a server: in a background thread of a test, or in the foreground of a command."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn

from requesty_emulator.errors import ConfigError, Origin
from requesty_emulator.gateway.core import Core
from requesty_emulator.gateway.faults import Fault, Rule, make_fault
from requesty_emulator.gateway.link import WireProtocol
from requesty_emulator.gateway.policy import Policy
from requesty_emulator.gateway.records import LedgerEntry, RecordedRequest
from requesty_emulator.gateway.scripted import Scripted
from requesty_emulator.gateway.settings import Settings
from requesty_emulator.gateway.state import Key, State
from requesty_emulator.models.added import make_model
from requesty_emulator.models.model import Model
from requesty_emulator.server.app import build_app
from requesty_emulator.server.scenario import Scenario, load_scenario


class GatewayEmulator:
    """A local Requesty gateway on a loopback port.

    ``scenario`` is a mapping or the path of a JSON or TOML file; ``switches`` are the fields of
    :class:`~requesty_emulator.gateway.settings.Settings`. Wrong settings raise
    :class:`~requesty_emulator.errors.ConfigError` (a ``ValueError``) with one line.
    ``on_request`` is called from the server's thread with every finished request.
    """

    def __init__(
        self,
        seed: int = 0,
        scenario: str | Path | Mapping[str, Any] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = None,
        *,
        on_request: Callable[[RecordedRequest], None] | None = None,
        **switches: Any,
    ) -> None:
        self._scenario: Scenario | None = None if scenario is None else load_scenario(scenario)
        if self._scenario is not None:
            switches = {**self._scenario.switches, **switches}
            api_key = api_key or self._scenario.api_key
        self.host = _loopback(host)
        self.port = _port(port)
        self.settings = Settings.from_switches(switches)
        self._defaults = Settings.from_switches(switches)
        self._core = Core(self.settings, seed, api_key, on_request)
        self.app = build_app(self._core)
        self._thread: threading.Thread | None = None
        self._server: _Server | None = None
        self._apply_scenario()

    # life cycle

    def start(self) -> Self:
        """Listen and answer from a background thread; returns when requests are accepted."""
        if self._thread is not None:
            raise RuntimeError("the emulator is already running")
        sock = _listen(self.host, self.port)
        self.port = sock.getsockname()[1]
        self._server = _Server(self.app)
        self._thread = threading.Thread(
            target=self._server.run_in_thread, args=(sock,), name="requesty-emulator", daemon=True
        )
        self._thread.start()
        self._server.ready.wait()
        return self

    def stop(self) -> None:
        """Stop at once; open streams are cut."""
        if self._server is not None:
            self._server.stop()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._thread = self._server = None

    def serve_forever(self, ready: Callable[[Self], None] | None = None) -> None:
        """Answer in the foreground until interrupted; ``ready`` is called once requests are accepted."""
        with self:
            if ready is not None:
                ready(self)
            thread = self._thread
            try:
                while thread is not None and thread.is_alive():
                    thread.join(timeout=0.5)
            except KeyboardInterrupt:
                return

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # where and as whom

    @property
    def management_url(self) -> str:
        """Base of the management API and of feedback form A, without ``/v1``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """Base of the inference API, with ``/v1``."""
        return f"{self.management_url}/v1"

    @property
    def api_key(self) -> str:
        """A key that may do everything."""
        return self.state.root_secret

    @property
    def state(self) -> State:
        """Keys, groups, ledger and feedback behind the routes."""
        return self._core.state

    @property
    def policies(self) -> dict[str, Policy]:
        """Routing policies by the name after ``policy/``."""
        return self.state.policies

    @property
    def feedback(self) -> dict[str, dict[str, Any]]:
        """Feedback received, merged by response id."""
        return self.state.feedback

    @property
    def ledger(self) -> list[LedgerEntry]:
        """Every billed call with its user, trace, tags, labels and costs, as the usage reports see it."""
        return self.state.ledger

    # what happened

    @property
    def requests(self) -> list[RecordedRequest]:
        """Every request in order of arrival, those still running included."""
        return self._core.requests

    @property
    def last_request(self) -> RecordedRequest:
        """The newest request; raises ``LookupError`` when there was none."""
        if not self._core.requests:
            raise LookupError("the emulator has not seen a request yet")
        return self._core.requests[-1]

    @property
    def chat_requests(self) -> list[RecordedRequest]:
        """Requests to ``/v1/chat/completions``."""
        return [request for request in list(self._core.requests) if request.path == "/v1/chat/completions"]

    @property
    def billed(self) -> Decimal:
        """USD billed since the start or the last :meth:`clear`."""
        return self.state.billed

    @property
    def active_streams(self) -> int:
        """Streams being sent right now."""
        return self._core.streams

    def spend(self, group_by: str = "model_requested") -> dict[str, Decimal]:
        """USD billed by a documented ``group_by`` name, ``extra.FIELD`` included."""
        return self._core.spend(group_by)

    def wait_idle(self, timeout: float = 5.0) -> bool:
        """Wait until no request is in flight; false when the time is over first."""
        with self._core.idle:
            return self._core.idle.wait_for(lambda: self._core.open_requests == 0, timeout)

    def clear(self) -> None:
        """Forget recorded requests, billed costs, queued faults and scripted answers."""
        self._core.clear()

    def reset(self) -> None:
        """:meth:`clear`, and keys, groups, policies and switches back to how the emulator was made."""
        for name in Settings.__dataclass_fields__:
            setattr(self.settings, name, getattr(self._defaults, name))
        self._core.clear()
        self.state.reset()
        self._apply_scenario()

    # what is to happen

    def fail_next(
        self,
        status: int | None = None,
        *,
        times: int = 1,
        retry_after: float | int | str | None = None,
        message: str | None = None,
        origin: Origin | None = None,
        body: Any = None,
        model: str | None = None,
        key: str | None = None,
        path: str | None = None,
        fault: Fault | None = None,
    ) -> None:
        """Let the next ``times`` matching requests fail with ``status``, or misbehave as ``fault`` says.

        ``model`` matches the requested id, or a member of a routing policy; ``key`` a key's id or
        secret; ``path`` a part of the path.
        """
        if fault is None:
            if status is None:
                raise ConfigError("fail_next needs a status or a fault")
            fault = Fault(status=status, retry_after=retry_after, message=message, origin=origin, body=body)
        self._core.faults.add(Rule(fault, model, key, path, times))

    def fault(
        self,
        model: str | None = None,
        nth: int | None = None,
        *,
        key: str | None = None,
        path: str | None = None,
        times: int | None = None,
        **fault: Any,
    ) -> None:
        """Let every matching request misbehave, or only the ``nth`` (from 1), or the next ``times``.

        Keyword options are the fields of :class:`~requesty_emulator.gateway.faults.Fault`.
        """
        if nth is not None and (isinstance(nth, bool) or not isinstance(nth, int) or nth < 1):
            raise ConfigError(f"fault nth must be 1 or more, not {nth!r}")
        self._core.faults.add(Rule(make_fault(fault), model, key, path, times, nth))

    def say(
        self,
        text: str | None = None,
        *,
        reasoning: str | None = None,
        signature: str | None = None,
        tool_calls: list[dict[str, Any]] | None = None,
        finish_reason: str | None = None,
        chunks: list[Any] | None = None,
        pieces: list[str] | None = None,
        body: Any = None,
        refusal: str | None = None,
        images: list[Any] | None = None,
        annotations: list[dict[str, Any]] | None = None,
        served_model: str | None = None,
        usage: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        model: str | None = None,
        path: str | None = None,
        times: int = 1,
    ) -> None:
        """Queue exactly this answer for the next ``times`` matching requests.

        ``tool_calls`` items are ``{"name", "arguments"}`` (object or text, optional ``id``) or the
        wire form; ``pieces`` are the text's stream deltas; ``chunks`` (dicts, ``data:`` strings or raw
        bytes) and ``body`` are sent as they are; ``usage`` overrides single usage fields.
        """
        self._core.scripts.add(
            Scripted(
                text=text,
                reasoning=reasoning,
                signature=signature,
                tool_calls=tool_calls,
                finish_reason=finish_reason,
                chunks=chunks,
                pieces=pieces,
                body=body,
                refusal=refusal,
                images=images,
                annotations=annotations,
                served_model=served_model,
                usage=usage,
                headers=dict(headers or {}),
                model=model,
                path=path,
                times=times,
            )
        )

    def add_key(self, name: str = "test", **options: Any) -> Key:
        """Create a key; options as :meth:`~requesty_emulator.gateway.state.State.add_key`."""
        return self.state.add_key(name, **options)

    def add_model(
        self, model: str, *, like: str | None = None, rules: Mapping[str, Any] | None = None, **facts: Any
    ) -> Model:
        """Serve one more model, or another version of a listed one; kept until :meth:`reset`.

        ``facts`` are keys of the models list (``context_window``, ``input_price`` in USD per token,
        ``supports_output_json_schema``, ``retires``, …), over those of the model ``like``. ``rules`` are the fields of
        :class:`~requesty_emulator.models.rules.UpstreamRules`, for example ``{"refuses": ["temperature"]}``; without
        them the model refuses what its name says, and ``{}`` lets it take everything. Raises
        :class:`~requesty_emulator.errors.ConfigError` with one line.
        """
        made = make_model(model, like, rules, facts)
        with self.state.lock:
            self.state.models[model] = made
        return made

    def _apply_scenario(self) -> None:
        if self._scenario is not None:
            self._scenario.apply(self)


class _Server(uvicorn.Server):
    """uvicorn without its polling loop and signal handling: starts and stops within milliseconds."""

    def __init__(self, app: Any) -> None:
        config = uvicorn.Config(
            app,
            http=WireProtocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            h11_max_incomplete_event_size=256 * 1024,
            backlog=2048,
        )
        super().__init__(config)
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._halt: asyncio.Event | None = None

    def run_in_thread(self, sock: socket.socket) -> None:
        """Serve on ``sock`` until :meth:`stop`."""
        try:
            asyncio.run(self._run(sock))
        finally:
            self.ready.set()
            sock.close()

    async def _run(self, sock: socket.socket) -> None:
        self._loop, self._halt = asyncio.get_running_loop(), asyncio.Event()
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(sockets=[sock])
        self.ready.set()
        await self._halt.wait()
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, WireProtocol):
                connection.abort()
        # One turn of the loop lets the cut streams leave their handlers before the loop closes.
        await asyncio.sleep(0)

    def stop(self) -> None:
        """Ask the server's thread to end."""
        loop, halt = self._loop, self._halt
        if loop is not None and halt is not None and not loop.is_closed():
            loop.call_soon_threadsafe(halt.set)


def serve(
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    seed: int = 0,
    scenario: str | Path | Mapping[str, Any] | None = None,
    api_key: str | None = None,
    on_request: Callable[[RecordedRequest], None] | None = None,
    ready: Callable[[GatewayEmulator], None] | None = None,
    **switches: Any,
) -> None:
    """Run an emulator in the foreground until interrupted (Ctrl-C returns normally).

    ``ready`` is called with the running emulator, ``on_request`` with every finished request.
    """
    emulator = GatewayEmulator(seed, scenario, host, port, api_key, on_request=on_request, **switches)
    emulator.serve_forever(ready)


def _loopback(host: str) -> str:
    name = "127.0.0.1" if host == "localhost" else host
    try:
        fine = ipaddress.ip_address(name).is_loopback
    except ValueError:
        fine = False
    if not fine:
        raise ConfigError(f"the emulator listens on loopback addresses only, not on {host!r}")
    return name


def _port(port: int) -> int:
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise ConfigError(f"port must be between 0 and 65535, not {port!r}")
    return port


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets that name TCP; without it every answer takes 40 ms longer.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as exc:
        sock.close()
        raise ConfigError(f"cannot listen on {host}:{port}: {exc.strerror or exc}") from exc
    sock.listen(2048)
    sock.setblocking(False)
    return sock
