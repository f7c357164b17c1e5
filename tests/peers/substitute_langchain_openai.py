"""A plugin for ``langchain-openai``'s own tests: our chat model and embeddings in the place of theirs.

Theirs have a default model and a placeholder of a key; the standard tests rely on that.
"""

from __future__ import annotations

from typing import Any

import langchain_openai

from langchain_requesty import ChatRequesty, RequestyEmbeddings


class ChatOpenAI(ChatRequesty):
    """Ours, with a default model."""

    def __init__(self, **settings: Any) -> None:
        if "model" not in settings and "model_name" not in settings:
            settings["model"] = "openai/gpt-4o-mini"
        super().__init__(**settings)


class OpenAIEmbeddings(RequestyEmbeddings):
    """Ours, with a default model."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"model": "openai/text-embedding-3-small", **settings})


langchain_openai.ChatOpenAI = ChatOpenAI  # type: ignore[misc,assignment]
langchain_openai.OpenAIEmbeddings = OpenAIEmbeddings  # type: ignore[misc,assignment]
