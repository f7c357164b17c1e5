"""Bearer authentication, applied to each attempt at the last moment so that a rotated key is picked up."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

from requesty_core.settings.config import ApiKey
from requesty_core.settings.fingerprint import key_fingerprint

from .http import Auth, Request, Response

__all__ = ["RequestyAuth", "key_of", "key_origin"]

_KEY = "requesty_key"
_ORIGIN = "requesty_key_origin"


class RequestyAuth(Auth):
    """``httpx`` authentication with the gateway's key; usable with any ``httpx`` client.

    The key comes from :class:`~requesty_core.settings.config.ApiKey`; it goes into the
    ``Authorization`` header, nowhere else.
    """

    def __init__(self, api_key: ApiKey) -> None:
        self._api_key = api_key

    def sync_auth_flow(self, request: Request) -> Generator[Request, Response, None]:
        """Set the header, asking a synchronous key callable if there is one."""
        yield self.authorised(request)

    async def async_auth_flow(self, request: Request) -> AsyncGenerator[Request, Response]:
        """Set the header, awaiting an asynchronous key callable if there is one."""
        yield await self.aauthorised(request)

    def authorised(self, request: Request) -> Request:
        """A request that no ``httpx`` client sends, with its header; there is no flow that would be left unfinished."""
        return self._set(request, self._api_key.get())

    async def aauthorised(self, request: Request) -> Request:
        """The same, awaiting an asynchronous key callable if there is one."""
        return self._set(request, await self._api_key.aget())

    def _set(self, request: Request, key: str) -> Request:
        request.headers["Authorization"] = f"Bearer {key}"
        request.extensions[_KEY] = key_fingerprint(key)
        request.extensions[_ORIGIN] = self._api_key.origin
        return request


def key_of(request: Request) -> str | None:
    """The fingerprint of the key that a request carries; ``None`` if it carries none."""
    found: str | None = request.extensions.get(_KEY)
    return found


def key_origin(request: Request) -> str:
    """Where the key of a request is from, in words that continue "the key"; empty if it carries none of ours."""
    return str(request.extensions.get(_ORIGIN, ""))
