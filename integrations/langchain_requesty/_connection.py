"""Settings that chat models and embeddings share, and the clients built from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Annotated, Any, ClassVar, Literal, Self

from langchain_core.utils import secret_from_env
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    Strict,
    ValidationError,
    field_validator,
    model_validator,
)

from requesty_core import ApiKey, Budget, CallEvent, CostLedger, Timeouts
from requesty_core.adapters import (
    CONNECTION_SETTINGS,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT,
    ClientPair,
    check_model,
    plain_options,
    timeout_from,
)

from ._arguments import collect_unknown, told_in_one_line
from ._errors import langchain_errors

__all__ = ["Connection"]

_VARIABLE = "REQUESTY_API_KEY"
# Fields that have LangChain's name for a setting.
_FIELDS = {"api_key": "requesty_api_key", "base_url": "requesty_api_base", "timeout": "request_timeout"}


class Connection(BaseModel):
    """Where requests go, as whom, and where their cost is booked."""

    # Only subclasses are instantiated: building a schema here would be import time for nothing.
    model_config = ConfigDict(
        populate_by_name=True,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
        hide_input_in_errors=True,
        defer_build=True,
    )

    # What does not reach the clients; changing anything else on a copy needs new ones.
    _unconnected: ClassVar[frozenset[str]] = frozenset()

    model_name: str = Field(alias="model")
    """Model id, sent untouched: ``openai/gpt-4o-mini``, ``policy/NAME``, ``coding/claude-4-sonnet``, ``…@eu``, …"""

    requesty_api_key: SecretStr | Callable[[], str] | None = Field(
        default_factory=secret_from_env(_VARIABLE, default=None), alias="api_key"
    )
    """The key, or a callable asked before every request. Default: ``REQUESTY_API_KEY``."""

    requesty_api_base: str | None = Field(default=None, alias="base_url")
    """Base URL of the gateway. Default: ``region``, else ``REQUESTY_BASE_URL``, else the global router."""

    region: str | None = None
    """``global``, ``eu``, ``us`` or ``ap``, instead of ``base_url``."""

    request_timeout: Annotated[float, Strict()] | Timeouts | None = Field(default=DEFAULT_TIMEOUT, alias="timeout")
    """Longest silence in seconds, or :class:`requesty_core.Timeouts`; ``None`` waits forever."""

    max_retries: Annotated[int, Strict()] = DEFAULT_MAX_RETRIES
    """Further attempts on the same model after a retryable failure, literally: 0 means one request."""

    options: dict[str, Any] | None = None
    """The gateway's ``requesty`` object: ``auto_cache``, ``tags``, ``user_id``, ``trace_id``, ``extra``."""

    app_url: str | None = None
    """Attribution URL (``HTTP-Referer``); sent only if set."""

    app_title: str | None = None
    """Attribution title (``X-Title``); sent only if set."""

    extra_headers: dict[str, str] | None = Field(default=None, repr=False)
    """Headers sent with every request, such as ``X-Requesty-*`` analytics."""

    extra_body: dict[str, Any] | None = None
    """Body fields sent with every request, over everything else."""

    require: dict[str, Any] | None = None
    """What the catalogue must show of every model before anything is sent to it, such as ``{"geolocation": "eu",
    "training": False, "retention": "none"}``; unknown is refused."""

    tracing: Annotated[bool, Strict()] | Literal["content"] = False
    """Whether calls open OpenTelemetry spans and count in its metrics, which needs its API; ``"content"`` records
    prompts and answers too."""

    ledger: CostLedger | None = Field(default=None, exclude=True)
    """Where usage and cost of every attempt are added up."""
    budget: Budget | None = Field(default=None, exclude=True)
    """Refuses the next call once spent, before any request."""
    on_event: Callable[[CallEvent], None] | None = Field(default=None, exclude=True)
    """Called with every event of a call: attempts, waits, fallbacks, commitment."""
    http_client: Any = Field(default=None, exclude=True)
    """An ``httpx`` client or transport for sync calls, instead of the shared one."""
    http_async_client: Any = Field(default=None, exclude=True)
    """An ``httpx`` client or transport for async calls."""

    _clients: ClientPair | None = PrivateAttr(default=None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Settings are checked here and not in a validator, because pydantic would wrap the one clear line.
        with langchain_errors():
            try:
                super().__init__(*args, **kwargs)
            except ValidationError as error:
                raise told_in_one_line(type(self), kwargs, error) from None
            check_model(self.model_name)
            self._check()
        self._pair()

    @model_validator(mode="before")
    @classmethod
    def _collect_unknown(cls, values: Any) -> Any:
        """Arguments without a field become request parameters."""
        return collect_unknown(cls, values)

    @field_validator("request_timeout", mode="before")
    @classmethod
    def _timeout(cls, value: Any) -> Any:
        return timeout_from(value)

    @field_validator("options", mode="before")
    @classmethod
    def _plain_options(cls, value: Any) -> Any:
        return plain_options(value)

    @property
    def model(self) -> str:
        """The model id, under its constructor name."""
        return self.model_name

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The key is serialised as the name of its environment variable."""
        return {"requesty_api_key": _VARIABLE}

    def _check(self) -> None:
        """Raise :class:`ConfigurationError` for settings of the subclass that cannot work together."""

    def _client_settings(self) -> dict[str, Any]:
        """Arguments of the clients."""
        settings = {name: getattr(self, _FIELDS.get(name, name)) for name in CONNECTION_SETTINGS}
        if "requesty_api_key" not in self.model_fields_set and isinstance(self.requesty_api_key, SecretStr):
            settings["api_key"] = ApiKey(self.requesty_api_key, variable=_VARIABLE)
        given = {"transport": self.http_client, "async_transport": self.http_async_client}
        return {**settings, **given, "names": ("http_client", "http_async_client")}

    def _pair(self) -> ClientPair:
        """Clients of both kinds, made once; they hold no connection of their own."""
        # By an attribute's name pydantic finds it by way of an exception, several times in every call.
        private = self.__pydantic_private__
        clients: ClientPair | None = None if private is None else private.get("_clients")
        if clients is None:
            with langchain_errors():
                self._clients = clients = ClientPair(framework="langchain", **self._client_settings())
        return clients

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; one with other connection settings gets clients of its own."""
        copy = super().model_copy(update=update, deep=deep)
        if update and not self._unconnected.issuperset(update):
            copy._clients = None
            copy._pair()
        return copy

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in type(self).model_fields and name not in self._unconnected and self.__pydantic_private__ is not None:
            self._clients = None

    def __getstate__(self) -> dict[Any, Any]:
        """State for pickling, without the key and without open connections."""
        state = super().__getstate__()
        dropped = {"requesty_api_key": None, "http_client": None, "http_async_client": None}
        # What was worked out on the way (the serialised form) is no state: a hash must not change by use.
        fields = {name: value for name, value in state["__dict__"].items() if name in type(self).model_fields}
        return {
            **state,
            "__dict__": {**fields, **dropped},
            "__pydantic_private__": {**(state["__pydantic_private__"] or {}), "_clients": None},
        }

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        # Clients, ledger and budget stay shared: they are accounts and connections, not values.
        twin = self.model_copy()
        for name, field in type(self).model_fields.items():
            if not field.exclude:
                twin.__dict__[name] = deepcopy(self.__dict__[name], memo)
        return twin

    def close(self) -> None:
        """Close the ``http_client`` that was given; the shared connections stay open for others."""
        self._pair().close()

    async def aclose(self) -> None:
        """Close the clients that were given."""
        await self._pair().aclose()
