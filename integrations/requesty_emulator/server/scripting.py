"""What a test tells an emulator to do next: faults and word-for-word answers."""

from __future__ import annotations

from typing import Any

from requesty_emulator.errors import ConfigError, Origin
from requesty_emulator.gateway.core import Core
from requesty_emulator.gateway.faults import Fault, Rule, make_fault
from requesty_emulator.gateway.scripted import Scripted


class Scripting:
    """The scripting half of :class:`~requesty_emulator.server.server.GatewayEmulator`."""

    _core: Core

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
        offers: str | None = None,
        times: int = 1,
    ) -> None:
        """Queue exactly this answer for the next ``times`` matching requests.

        ``tool_calls`` items are ``{"name", "arguments"}`` (object or text, optional ``id``) or the wire form;
        ``pieces`` are the text's stream deltas; ``chunks`` (dicts, ``data:`` strings or raw bytes) and ``body`` are
        sent as they are; ``usage`` overrides single usage fields; ``offers`` is a tool that a matching request offers.
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
                offers=offers,
                times=times,
            )
        )
