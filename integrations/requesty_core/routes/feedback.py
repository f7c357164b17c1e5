"""Feedback on a request. Two forms are documented; the first is tried, the second where the first does not exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from requesty_core.calls.settings import ClientSettings
from requesty_core.errors import ConfigurationError
from requesty_core.replies.received import ReceivedResponse
from requesty_core.replies.reply import ChatReply
from requesty_core.telemetry.log import logger
from requesty_core.telemetry.words import described

from .requests import RouteRequest, path_join, route_request

__all__ = ["Thumbs", "feedback_request", "not_sent"]

Thumbs = Literal["thumbs_up", "thumbs_down"]


def _ignore(received: ReceivedResponse) -> bool:
    return True


def feedback_request(
    settings: ClientSettings, reply: ChatReply | str, named: Mapping[str, Any], extra: Mapping[str, Any]
) -> RouteRequest[bool]:
    """The request in its first form, with the second for gateways that lack the first."""
    response_id = reply if isinstance(reply, str) else reply.id
    request_id = reply if isinstance(reply, str) else reply.request_id or reply.id
    if not response_id or not request_id:
        raise ConfigurationError("feedback: the reply has no id; give the response id as a string")
    data = {**extra, **{key: value for key, value in named.items() if value is not None}}
    url = path_join(f"{settings.config.feedback_url}/feedback", response_id)
    request = route_request(settings, "POST", url, _ignore, body={"data": data}, label="POST /feedback")
    thumbs = _thumbs(named["rating"], named["helpful"])
    if thumbs is None:
        return request
    return request.or_else(
        route_request(
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


def not_sent(error: Exception) -> bool:
    """What to answer after a failure; it is logged."""
    logger.warning("feedback was not sent: %s", described(error))
    return False
