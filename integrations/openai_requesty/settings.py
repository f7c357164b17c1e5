"""A client's settings: given, assigned, copied and pickled. The SDK never reads the environment for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self, Unpack

from requesty_core import ApiKey, ClientSettings
from requesty_core.adapters import unknown_setting
from requesty_core.errors import ConfigurationError, UnknownSettingError
from requesty_core.relay import TimeoutConfig

from .errors import raising
from .options import TRANSPORTS, ClientOptions, check_own, chosen_timeout, core_settings, given, merged

__all__ = ["CoreSettings"]

HIDDEN = "**********"
"""What ``client.api_key`` shows: the key itself is only ever in the header of a request."""

# In every instance the SDK's client comes after this class; which of the two is not known here.
_Sdk: Any = object


class CoreSettings(_Sdk):  # type: ignore[misc]
    """The settings of a client, which are those of the core client that carries out its calls."""

    _stream_base: Any

    def __init__(self, *, _parent: Any = None, **options: Unpack[ClientOptions]) -> None:
        own = given(options)
        known = ClientOptions.__annotations__
        if unknown := own.keys() - known.keys():
            more = "what the gateway has no use for is not taken"
            raise UnknownSettingError(unknown_setting(type(self).__name__, min(unknown), known, more))
        if own.get("transport") is not None and own.get("http_client") is not None:
            raise ConfigurationError("http_client: the same as transport; give only one of them")
        if "timeout" not in own and (chosen := chosen_timeout(own.get("http_client"))) is not None:
            own["timeout"] = chosen
        with raising():
            check_own(own)
            own["api_key"] = ApiKey(own.get("api_key"))
            settings = core_settings(own)
            if _parent is not None:
                settings = replace(settings, health=_parent._core.settings.health)
            transport = own.get("transport") or own.get("http_client")
            core = self._core_with(settings, transport, own)
        shares = _parent is not None and _parent._transport_given is transport
        timeouts = settings.config.timeouts
        # Placeholders keep the SDK from looking into the environment; what they stand for is put right below.
        super().__init__(
            api_key=HIDDEN,
            base_url=settings.config.base_url,
            timeout=TimeoutConfig(connect=timeouts.connect, read=timeouts.read, write=timeouts.write, pool=None),
            max_retries=0,
            http_client=_parent._client if shares else self._make_http(core),
            organization=own.get("organization") or "",
            project=own.get("project") or "",
            webhook_secret=own.get("webhook_secret") or "",
            websocket_base_url=own.get("websocket_base_url"),
            default_headers=own.get("default_headers"),
            default_query=own.get("default_query"),
            _strict_response_validation=own.get("_strict_response_validation", False),
        )
        self.organization = own.get("organization")
        self.project = own.get("project")
        self.webhook_secret = own.get("webhook_secret")
        self.admin_api_key: Any = None
        self._custom_headers: Any = dict(own.get("default_headers") or {})
        self._ambient_authorizations: frozenset[str] = frozenset()
        self._default_stream_cls = self._stream_base
        self._options = own
        self._urls: dict[str, Any] = {}
        self._transport_given = transport
        self._core = core

    def _core_with(self, settings: ClientSettings, transport: Any, own: Mapping[str, Any]) -> Any:
        try:
            return self._make_core(settings, transport)
        except ConfigurationError as error:
            if own.get("http_client") is None or not error.message.startswith("transport: "):
                raise
            raise TypeError(f"Invalid `http_client` argument; {error.message.removeprefix('transport: ')}") from None

    def _make_core(self, settings: ClientSettings, transport: Any) -> Any:
        raise NotImplementedError

    def _make_http(self, core: Any) -> Any:
        raise NotImplementedError

    @property
    def api_key(self) -> str:
        """A placeholder; assign to change the key."""
        return HIDDEN

    @api_key.setter
    def api_key(self, key: Any) -> None:
        if self._is_ready:
            self._reconfigure(api_key=ApiKey(key))

    @property
    def base_url(self) -> Any:
        """Where requests go; assign to change it."""
        return super().base_url

    @base_url.setter
    def base_url(self, url: Any) -> None:
        if self._is_ready:
            self._reconfigure(base_url=str(url), region=None)
            self._urls.clear()
        super(CoreSettings, type(self)).base_url.fset(self, url)

    @property
    def max_retries(self) -> int:
        """Further attempts after a retryable failure, made by the core; assign to change it."""
        return self._core.settings.config.max_retries if self._is_ready else 0

    @max_retries.setter
    def max_retries(self, value: int) -> None:
        if self._is_ready:
            self._reconfigure(max_retries=value)

    @property
    def _has_own_headers(self) -> bool:
        """Whether requests carry headers of this client beside those of every request."""
        return bool(self._custom_headers or self.organization or self.project)

    @property
    def _is_ready(self) -> bool:
        return "_core" in self.__dict__

    def _reconfigure(self, **changes: Any) -> None:
        with raising():
            options = {**self._options, **changes}
            settings = replace(core_settings(options), health=self._core.settings.health)
            self._options, self._core = options, self._make_core(settings, self._transport_given)

    def copy(
        self,
        *,
        default_headers: Mapping[str, str] | None = None,
        set_default_headers: Mapping[str, str] | None = None,
        default_query: Mapping[str, object] | None = None,
        set_default_query: Mapping[str, object] | None = None,
        _extra_kwargs: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> Self:
        """A client with some settings changed: any of :class:`ClientOptions`, and the SDK's ``set_default_…``.

        The copy shares connections, ledger, budget and the memory of failing models.
        """
        options = {**self._options, "timeout": self._timeout_in_force}
        for name, value in given(changes).items():
            if value is not None or name in ("timeout", "fallback_policy", "options", "ledger", "budget", "on_event"):
                options[name] = value
        if changes.get("base_url") is not None and changes.get("region") is None:
            options.pop("region", None)
        if changes.get("region") is not None and changes.get("base_url") is None:
            options.pop("base_url", None)
        for name in TRANSPORTS & changes.keys():
            if changes[name] is not None:
                options.update({other: None for other in TRANSPORTS if other != name})
        options["default_headers"] = merged("headers", self._custom_headers, default_headers, set_default_headers)
        options["default_query"] = merged("query", self._custom_query, default_query, set_default_query)
        return type(self)(**options, **(_extra_kwargs or {}), _parent=self)

    with_options = copy

    @property
    def _timeout_in_force(self) -> Any:
        """The timeout in force: the one given, or the one assigned to ``client.timeout`` since."""
        timeouts = self._core.settings.config.timeouts
        now = getattr(self, "timeout", None)
        own = TimeoutConfig(connect=timeouts.connect, read=timeouts.read, write=timeouts.write, pool=None)
        return timeouts if now == own else now

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # Settings are immutable; connections, ledger and budget are shared resources.
        twin = memo[id(self)] = self.copy()
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        # The key pickles to "ask the environment".
        return _restored, (type(self), {**self._options, "timeout": self._timeout_in_force})

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={str(self.base_url)!r})"


def _restored(cls: type[Any], options: dict[str, Any]) -> Any:
    return cls(**options)
