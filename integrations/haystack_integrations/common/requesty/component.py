"""What generators and embedders have in common: connection settings, lifecycle, and the saved form of both."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Unpack

from haystack.utils import Secret, deserialize_callable, serialize_callable

from requesty_core import Budget, CostLedger, Timeouts
from requesty_core.adapters import CONNECTION_SETTINGS, check_model, plain_options, plain_timeout, timeout_from
from requesty_core.errors import ConfigurationError

from .clients import Clients, as_secret, without_key

if TYPE_CHECKING:
    from requesty_core import CallEvent
    from requesty_core.adapters import ConnectionSettings

__all__ = ["Component", "restored"]

# Accounts of a running program.
_NOT_SAVED = frozenset(("ledger", "budget"))
_FIELDS = {"base_url": "api_base_url"}


class Component:
    """Settings and clients of a component."""

    def _connect(
        self,
        model: str,
        http_client_kwargs: dict[str, Any] | None,
        chain: dict[str, Any] | None = None,
        **settings: Unpack[ConnectionSettings],
    ) -> None:
        """Check and keep the settings. Raises :class:`ConfigurationError` naming the one that is unusable.

        Args:
            model: the model id.
            http_client_kwargs: arguments of the ``httpx`` clients.
            chain: further arguments of the clients.
            settings: all of them.
        """
        self.model = check_model(model)
        self.api_key: Secret | Callable[[], str] = as_secret(settings["api_key"])
        self.api_base_url = settings["base_url"]
        self.region = settings["region"]
        self.timeout: Timeouts | float | None = timeout_from(settings["timeout"])
        self.max_retries = settings["max_retries"]
        self.options: dict[str, Any] | None = plain_options(settings["options"])
        self.app_url = settings["app_url"]
        self.app_title = settings["app_title"]
        self.extra_headers = settings["extra_headers"]
        self.extra_body = settings["extra_body"]
        self.http_client_kwargs = http_client_kwargs
        self.ledger: CostLedger | None = settings["ledger"]
        self.budget: Budget | None = settings["budget"]
        self.on_event: Callable[[CallEvent], None] | None = settings["on_event"]
        self.tracing = settings["tracing"]
        self.require = settings["require"]
        names = [name for name in CONNECTION_SETTINGS if name != "api_key"]
        own = {name: getattr(self, _FIELDS.get(name, name)) for name in names}
        self._clients = Clients(self.api_key, http_client_kwargs, {**own, **(chain or {})})

    def _saved(self) -> dict[str, Any]:
        """Init parameters for ``to_dict``."""
        fields = [_FIELDS.get(name, name) for name in CONNECTION_SETTINGS if name not in _NOT_SAVED]
        return {
            "model": self.model,
            "http_client_kwargs": self.http_client_kwargs,
            **{field: getattr(self, field) for field in fields},
            "timeout": plain_timeout(self.timeout),
            "on_event": serialize_callable(self.on_event) if self.on_event else None,
        }

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "api_key": without_key(self.api_key)}

    def warm_up(self) -> None:
        """
        Reads the key and makes the clients ready. Idempotent, thread-safe, and done by the first run anyway.

        :raises ValueError:
            If the key's environment variable is not set.
        """
        self._clients.open()

    async def warm_up_async(self) -> None:
        """
        The same on an event loop.
        """
        self._clients.open()

    def close(self) -> None:
        """
        Closes clients made from `http_client_kwargs`. The component opens again with its next run.
        """
        self._clients.close()

    async def close_async(self) -> None:
        """
        The same on an event loop.
        """
        await self._clients.aclose()


def restored(data: dict[str, Any], *callables: str) -> dict[str, Any]:
    """A copy of saved data with its functions back in place: ``on_event``, and those named.

    Data of Haystack's OpenAI components is taken after its ``type`` was changed. Raises :class:`ConfigurationError` for
    what has no meaning here.
    """
    parameters = _migrated(deepcopy(data.get("init_parameters", {})))
    for name in ("on_event", *callables):
        if parameters.get(name):
            parameters[name] = deserialize_callable(parameters[name])
    return {**data, "init_parameters": parameters}


def _migrated(parameters: dict[str, Any]) -> dict[str, Any]:
    """Init parameters without what only Haystack's OpenAI components have; their nulls stand for defaults."""
    if "organization" in parameters:
        if (organization := parameters.pop("organization")) is not None:
            raise ConfigurationError(
                f"organization: {organization!r} has no meaning here; leave it out, as a key is of one organisation"
            )
        # Saved by OpenAI's components, for whom no value is their default; here None waits without end.
        if parameters.get("timeout") is None:
            parameters.pop("timeout", None)
    if parameters.get("max_retries") is None:
        parameters.pop("max_retries", None)
    return parameters
