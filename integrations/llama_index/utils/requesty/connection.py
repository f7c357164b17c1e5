"""Where requests go, as whom, and where their cost is booked; the clients built from it, and copies without the key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Annotated, Any, ClassVar, Literal, Self

from llama_index.core.bridge.pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic import Strict

from requesty_core import Budget, CallEvent, CostLedger, Timeouts
from requesty_core.adapters import (
    CONNECTION_SETTINGS,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT,
    ClientPair,
    plain_options,
    timeout_from,
    unknown_setting,
    wrong_value,
)
from requesty_core.errors import ConfigurationError

__all__ = ["Connection"]

# What a pickle leaves behind: secrets, connections, and what belongs to the process.
_UNPICKLED = frozenset(("api_key", "http_client", "async_http_client", "callback_manager", "rate_limiter"))

_OTHERWISE = "request parameters without a field of their own go into additional_kwargs"


class Connection(BaseModel):
    """Settings of the clients behind a model."""

    # Only subclasses are instantiated: building a schema here would be import time for nothing.
    model_config = ConfigDict(arbitrary_types_allowed=True, protected_namespaces=("pydantic_model_",), defer_build=True)

    # Fields that the clients are built from; changing one of them needs new clients.
    _connected: ClassVar[tuple[str, ...]] = (*CONNECTION_SETTINGS, "http_client", "async_http_client")

    api_key: SecretStr | Callable[[], str] | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="The key, or a callable asked before every request. Default: REQUESTY_API_KEY. Never serialised.",
    )
    base_url: str | None = Field(
        default=None, description="Base URL of the gateway, also accepted as `api_base`. Default: the global router."
    )
    region: str | None = Field(default=None, description="`global`, `eu`, `us` or `ap`, instead of `base_url`.")
    timeout: Annotated[float, Strict()] | Timeouts | None = Field(
        default=DEFAULT_TIMEOUT, description="Longest silence in seconds, or `Timeouts`; None waits forever."
    )
    max_retries: Annotated[int, Strict()] = Field(
        default=DEFAULT_MAX_RETRIES, description="Further attempts on one model, literally: 0 means one request."
    )
    options: dict[str, Any] | None = Field(
        default=None, description="The `requesty` object: auto_cache, tags, user_id, trace_id, extra."
    )
    app_url: str | None = Field(default=None, description="Attribution URL (`HTTP-Referer`); sent only if set.")
    app_title: str | None = Field(default=None, description="Attribution title (`X-Title`); sent only if set.")
    extra_headers: dict[str, str] | None = Field(
        default=None, repr=False, description="Headers sent with every request."
    )
    extra_body: dict[str, Any] | None = Field(default=None, description="Body fields sent with every request.")
    tracing: Annotated[bool, Strict()] | Literal["content"] = Field(
        default=False,
        description="Whether calls open OpenTelemetry spans and count in its metrics; 'content' records prompts too.",
    )
    require: dict[str, Any] | None = Field(
        default=None,
        description='What the catalogue must show of every model asked, such as {"geolocation": "eu"}; else refused.',
    )
    ledger: CostLedger = Field(
        default_factory=CostLedger, exclude=True, description="Adds up usage and cost of every attempt."
    )
    budget: Budget | None = Field(default=None, exclude=True, description="Refuses the next call once spent.")
    on_event: Callable[[CallEvent], None] | None = Field(
        default=None, exclude=True, description="Called with every attempt, wait, fallback and commitment."
    )
    http_client: Any = Field(
        default=None, exclude=True, description="An httpx client or transport for sync calls, for the shared one."
    )
    async_http_client: Any = Field(
        default=None, exclude=True, description="An httpx client or transport for async calls."
    )

    _clients: ClientPair | None = PrivateAttr(default=None)

    def __init__(self, **kwargs: Any) -> None:
        cls = type(self)
        # Dumps that pydantic nests in other dumps carry the class name.
        kwargs.pop("class_name", None)
        if (base := kwargs.pop("api_base", None)) is not None:
            if kwargs.get("base_url") not in (None, base):
                raise ConfigurationError("api_base: differs from base_url; give only one of them")
            kwargs["base_url"] = base
        # Pydantic would drop a misspelt setting without a word.
        if unknown := kwargs.keys() - cls.model_fields.keys():
            known = [*cls.model_fields, "model", "api_base"]
            raise ConfigurationError(unknown_setting(cls.__name__, min(unknown), known, _OTHERWISE))
        problem = None
        try:
            super().__init__(**kwargs)
        except ValidationError as error:
            types = {name: field.annotation for name, field in cls.model_fields.items()}
            problem = wrong_value(error, types, {"model_name": "model"})
        if problem is not None:
            # Outside of the handler: pydantic's error holds the values, and a value may be the key.
            raise ConfigurationError(problem)
        self._check()
        self._pair()

    @field_validator("timeout", mode="before")
    @classmethod
    def _timeout(cls, value: Any) -> Any:
        return timeout_from(value)

    @field_validator("options", mode="before")
    @classmethod
    def _plain_options(cls, value: Any) -> Any:
        return plain_options(value)

    @field_validator("ledger", mode="before")
    @classmethod
    def _own_ledger(cls, value: Any) -> Any:
        return CostLedger() if value is None else value

    @property
    def api_base(self) -> str:
        """Where requests go."""
        return self._pair().sync.base_url

    def _check(self) -> None:
        """Raise :class:`ConfigurationError` for settings that cannot be used."""

    def _client_settings(self) -> dict[str, Any]:
        """Arguments of the clients."""
        settings = {name: getattr(self, name) for name in self._connected}
        settings["transport"] = settings.pop("http_client")
        settings["async_transport"] = settings.pop("async_http_client")
        settings["names"] = ("http_client", "async_http_client")
        return settings

    def _pair(self) -> ClientPair:
        """Clients of both kinds, made once; they hold no connection of their own."""
        # By an attribute's name pydantic finds it by way of an exception, several times in every call.
        private = self.__pydantic_private__
        clients: ClientPair | None = None if private is None else private.get("_clients")
        if clients is None:
            self._clients = clients = ClientPair(framework="llama_index", **self._client_settings())
        return clients

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in self._connected:
            self._clients = None

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; one with other connection settings gets clients of its own."""
        copy = super().model_copy(update=update, deep=deep)
        if update and not update.keys().isdisjoint(self._connected):
            copy._clients = None
            copy._pair()
        return copy

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        # Clients, ledger, budget and callback manager stay shared: they are accounts and resources, not values.
        twin = self.model_copy()
        for name, field in type(self).model_fields.items():
            if not field.exclude:
                twin.__dict__[name] = deepcopy(self.__dict__[name], memo)
        return twin

    def __getstate__(self) -> dict[Any, Any]:
        """State for pickling, without the key, connections and handlers. Core's own would edit the live object."""
        # A ledger of its own would make a pickle change with every call; one that was given goes along.
        left = _UNPICKLED if "ledger" in self.model_fields_set else _UNPICKLED | {"ledger"}
        kept = {name: value for name, value in self.__dict__.items() if name not in left}
        return {"__dict__": kept}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        self.__init__(**state["__dict__"])  # type: ignore[misc]

    def close(self) -> None:
        """Close the `http_client` that was given; the shared connections stay open for others."""
        self._pair().close()

    async def aclose(self) -> None:
        """Close the clients that were given."""
        await self._pair().aclose()
