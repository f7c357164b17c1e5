"""Feedback on a request. Two forms are documented; the first is tried, the second where the first does not exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from requesty_core.calls.settings import ClientSettings
from requesty_core.errors import ConfigurationError
from requesty_core.replies.received import ReceivedResponse
from requesty_core.replies.reply import ChatReply
from requesty_core.telemetry.events import logger

from .call import ApiCall, AsyncResource, Resource, api_call, path_join

__all__ = ["AsyncFeedback", "Feedback", "Thumbs"]

Thumbs = Literal["thumbs_up", "thumbs_down"]


def _ignore(received: ReceivedResponse) -> bool:
    return True


def _build(
    settings: ClientSettings,
    reply: ChatReply | str,
    *,
    message: str | None,
    rating: Thumbs | float | str | None,
    helpful: bool | None,
    user_id: str | None,
    tags: Sequence[str] | None,
    extra: Mapping[str, Any],
) -> ApiCall[bool]:
    response_id = reply if isinstance(reply, str) else reply.id
    request_id = reply if isinstance(reply, str) else reply.request_id or reply.id
    if not response_id or not request_id:
        raise ConfigurationError("feedback: the reply has no id; give the response id as a string")
    named = {"message": message, "rating": rating, "helpful": helpful, "user_id": user_id, "tags": tags}
    data = {**extra, **{key: value for key, value in named.items() if value is not None}}
    url = path_join(f"{settings.config.feedback_url}/feedback", response_id)
    call = api_call(settings, "POST", url, _ignore, body={"data": data}, label="POST /feedback")
    thumbs = _thumbs(rating, helpful)
    if thumbs is None:
        return call
    return call.or_else(
        api_call(
            settings,
            "POST",
            f"{settings.config.base_url}/feedback",
            _ignore,
            body={"request_id": request_id, "rating": thumbs},
        )
    )


def _thumbs(rating: Thumbs | float | str | None, helpful: bool | None) -> Thumbs | None:
    """The second form knows thumbs only."""
    if rating in ("thumbs_up", "up") or (rating is None and helpful is True):
        return "thumbs_up"
    if rating in ("thumbs_down", "down") or (rating is None and helpful is False):
        return "thumbs_down"
    return None


def _not_sent(error: Exception) -> bool:
    logger.warning("feedback was not sent: %s", error)
    return False


class Feedback(Resource):
    """``client.feedback``."""

    def send(
        self,
        reply: ChatReply | str,
        *,
        message: str | None = None,
        rating: Thumbs | float | str | None = None,
        helpful: bool | None = None,
        user_id: str | None = None,
        tags: Sequence[str] | None = None,
        **extra: Any,
    ) -> bool:
        """Send feedback on a reply, or on a response id; sending again merges by key.

        Returns whether the gateway took it. A failure is logged, never raised: feedback must not break a chat.
        """
        try:
            return self._call(
                _build(
                    self._client.settings,
                    reply,
                    message=message,
                    rating=rating,
                    helpful=helpful,
                    user_id=user_id,
                    tags=tags,
                    extra=extra,
                )
            )
        except Exception as error:  # noqa: BLE001 -- whatever happens here, the chat must go on
            return _not_sent(error)


class AsyncFeedback(AsyncResource):
    """``client.feedback`` of the asynchronous client."""

    async def send(
        self,
        reply: ChatReply | str,
        *,
        message: str | None = None,
        rating: Thumbs | float | str | None = None,
        helpful: bool | None = None,
        user_id: str | None = None,
        tags: Sequence[str] | None = None,
        **extra: Any,
    ) -> bool:
        """As :meth:`Feedback.send`."""
        try:
            return await self._call(
                _build(
                    self._client.settings,
                    reply,
                    message=message,
                    rating=rating,
                    helpful=helpful,
                    user_id=user_id,
                    tags=tags,
                    extra=extra,
                )
            )
        except Exception as error:  # noqa: BLE001 -- whatever happens here, the chat must go on
            return _not_sent(error)
