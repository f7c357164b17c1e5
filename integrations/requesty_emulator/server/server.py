"""The emulator as a server: in a background thread of a test, or in the foreground of a command."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from requesty_emulator.gateway.core import Core
from requesty_emulator.gateway.records import RecordedRequest
from requesty_emulator.gateway.settings import Settings
from requesty_emulator.gateway.state import Key
from requesty_emulator.models.added import make_model
from requesty_emulator.models.model import Model
from requesty_emulator.server.app import build_app
from requesty_emulator.server.inspection import Inspection
from requesty_emulator.server.listening import Server, checked_port, listen, loopback
from requesty_emulator.server.scenario import Scenario, load_scenario
from requesty_emulator.server.scripting import Scripting


class GatewayEmulator(Inspection, Scripting):
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
        self.host = loopback(host)
        self.port = checked_port(port)
        self.settings = Settings.from_switches(switches)
        self._defaults = Settings.from_switches(switches)
        self._core = Core(self.settings, seed, api_key, on_request)
        self.app = build_app(self._core)
        self._thread: threading.Thread | None = None
        self._server: Server | None = None
        self._apply_scenario()

    # life cycle

    def start(self) -> Self:
        """Listen and answer from a background thread; returns when requests are accepted."""
        if self._thread is not None:
            raise RuntimeError("the emulator is already running")
        sock = listen(self.host, self.port)
        self.port = sock.getsockname()[1]
        self._server = Server(self.app, self.settings.keep_alive)
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
        # An interrupt may come while `ready` still says where it listens.
        with contextlib.suppress(KeyboardInterrupt), self:
            if ready is not None:
                ready(self)
            thread = self._thread
            while thread is not None and thread.is_alive():
                thread.join(timeout=0.5)

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
            self._apply(self._scenario)

    def _apply(self, scenario: Scenario) -> None:
        for key in scenario.keys:
            self.add_key(**key)
        for name, facts in scenario.models.items():
            self.add_model(name, **facts)
        self.policies.update(scenario.policies)
        for fault in scenario.faults:
            self.fault(**fault)
        for answer in scenario.answers:
            self.say(**answer)


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
