"""The clients of a component: opened by its first run, closed and reopened, copied and pickled without the key."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from haystack.utils import Secret

from requesty_core.adapters import after_fork

if TYPE_CHECKING:
    from requesty_core import ApiKey
    from requesty_core.adapters import ClientPair

__all__ = ["KEY", "Clients", "as_secret", "without_key"]

KEY = Secret.from_env_var("REQUESTY_API_KEY")
"""Where the key is by default."""

# One lock for all components: opening takes microseconds, and a lock per component could not be copied or pickled.
_OPENING = threading.Lock()


@after_fork
def _renew() -> None:
    global _OPENING
    _OPENING = threading.Lock()


_HTTP = "http_client_kwargs"


class Clients:
    """Sync and async client over one set of settings.

    Settings are checked, and their environment variables read, at once, so that a mistake shows where it was made; the
    key, which is a ``Secret``, is read when a run needs it, as everywhere in Haystack.
    Raises :class:`ConfigurationError` for an unusable setting.
    """

    def __init__(
        self, api_key: Secret | Callable[[], str], http: Mapping[str, Any] | None, settings: Mapping[str, Any]
    ) -> None:
        self._api_key = api_key
        self._http = http
        self._settings = dict(settings)
        self._pair: ClientPair | None = None
        # The transport is loaded by the first component, not by the import of this package.
        from requesty_core.adapters import ClientSettings, made_transports
        from requesty_core.errors import ConfigurationError

        try:
            self._built = ClientSettings.build(**settings)
        except ConfigurationError as error:
            # Haystack's name of the setting, which is what the user wrote.
            if error.message.startswith("base_url:"):
                raise ConfigurationError(f"api_{error.message}") from None
            raise
        self._made = made_transports(http, _HTTP) if http is not None and http != {} else None

    def open(self) -> ClientPair:
        """The clients. Raises ``ValueError`` if the key's environment variable is not set, or is empty."""
        pair = self._pair
        if pair is not None:
            return pair
        with _OPENING:
            if self._pair is None:
                key = _resolved(self._api_key) if isinstance(self._api_key, Secret) else self._api_key
                from requesty_core.adapters import ClientPair, made_transports

                if self._made is None and self._http:
                    self._made = made_transports(self._http, _HTTP)
                sync, aio = self._made or (None, None)
                built = self._built.with_key(key)
                self._pair = ClientPair(built=built, transport=sync, async_transport=aio, framework="haystack")
            return self._pair

    def close(self) -> None:
        """Close what was made from ``http_client_kwargs``; the shared connections stay open for others."""
        pair, self._pair = self._pair, None
        if pair is not None:
            pair.close()

    async def aclose(self) -> None:
        """Async :meth:`close`."""
        pair, self._pair = self._pair, None
        if pair is not None:
            await pair.aclose()

    def __deepcopy__(self, memo: dict[int, Any]) -> Clients:
        # Settings are immutable to the clients; ledger, budget and connections are shared on purpose.
        # A copy stays in this process and keeps the key, which a pickle leaves behind.
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__, _pair=None, _made=None)
        memo[id(self)] = twin
        return twin

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_api_key": without_key(self._api_key), "_pair": None, "_made": None}


def _resolved(secret: Secret) -> ApiKey:
    """The key of a secret, and its variable. One that holds none never stands for the key that the core would find."""
    key = secret.resolve_value()
    names = secret.to_dict().get("env_vars") if secret.type.value == "env_var" else None
    if key:
        from requesty_core import ApiKey

        return ApiKey(key, variable=next((name for name in names or () if os.environ.get(name) is not None), None))
    from requesty_core.errors import MissingKeyError

    where = f"{' and '.join(names)}: not set, or empty" if names else "the secret is empty"
    raise MissingKeyError(f"api_key: {where}; give the key of the account that is to pay")


def as_secret(api_key: Secret | Callable[[], str] | str) -> Secret | Callable[[], str]:
    """The key as a ``Secret``. A bare string becomes a token, which Haystack refuses to save instead of saving it.

    Raises ``ConfigurationError`` for what is no key, such as a tuple that a trailing comma made.
    """
    if api_key is None or isinstance(api_key, Secret) or callable(api_key):
        return api_key
    from requesty_core import ApiKey

    return Secret.from_token(ApiKey(api_key).get())


def without_key(api_key: Secret | Callable[[], str]) -> Secret | Callable[[], str]:
    """The secret to pickle: one that holds the key itself becomes the environment variable of wherever it wakes up."""
    if isinstance(api_key, Secret) and api_key.type.value == "token":
        return KEY
    return api_key
