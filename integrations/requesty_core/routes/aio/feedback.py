"""Feedback on requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from requesty_core.replies.reply import ChatReply
from requesty_core.routes.feedback import Thumbs, feedback_request, not_sent

from .resource import AsyncResource

__all__ = ["AsyncFeedback"]


class AsyncFeedback(AsyncResource):
    """``client.feedback``."""

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
        """Send feedback on a reply, or on a response id; sending again merges by key.

        Returns whether the gateway took it. A failure is logged, never raised: feedback must not break a chat.
        """
        named = {"message": message, "rating": rating, "helpful": helpful, "user_id": user_id, "tags": tags}
        try:
            return await self._perform(feedback_request(self._settings, reply, named, extra))
        except Exception as error:  # noqa: BLE001 -- whatever happens here, the chat must go on
            return not_sent(error)
