"""The Requesty LLM gateway for LangChain.

>>> from langchain_requesty import ChatRequesty
>>> llm = ChatRequesty(model="openai/gpt-4o-mini")  # key from REQUESTY_API_KEY
>>> llm.invoke("Hello").response_metadata["cost"]  # doctest: +SKIP
"""

from .chat_models import ChatRequesty
from .embeddings import RequestyEmbeddings

__all__ = ["ChatRequesty", "RequestyEmbeddings"]
