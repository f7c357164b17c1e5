"""A plugin for ``langchain-openai``'s own tests: our chat model and embeddings in the place of theirs."""

from __future__ import annotations

import langchain_openai

from langchain_requesty import ChatRequesty, RequestyEmbeddings

langchain_openai.ChatOpenAI = ChatRequesty  # type: ignore[misc,assignment]
langchain_openai.OpenAIEmbeddings = RequestyEmbeddings  # type: ignore[misc,assignment]
