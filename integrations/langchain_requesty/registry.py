"""Opt-in registration with ``init_chat_model`` and ``init_embeddings``."""

from __future__ import annotations

from typing import Any

from requesty_core.errors import ConfigurationError

__all__ = ["register"]

_NAME = "requesty"


def register() -> None:
    """Let ``init_chat_model("requesty:openai/gpt-4o")``, ``create_agent("requesty:…")`` and ``init_embeddings`` work.

    LangChain has no entry point for outside providers, so this adds a row to its private tables of providers. It is
    never done on import. Calling it again changes nothing.

    Raises:
        ConfigurationError: ``langchain`` is missing, or its tables are not where they were.
    """
    try:
        from langchain.chat_models import base as chat
        from langchain.embeddings import base as embeddings
    except ImportError as exc:
        raise ConfigurationError("register: needs the langchain package; pip install langchain") from exc
    rows = (
        (chat, ("langchain_requesty", "ChatRequesty", _create)),
        (embeddings, ("langchain_requesty", "RequestyEmbeddings", _create)),
    )
    tables = [(getattr(module, "_BUILTIN_PROVIDERS", None), row) for module, row in rows]
    if not all(isinstance(table, dict) for table, _ in tables):
        raise ConfigurationError("register: this release of langchain keeps its providers elsewhere; pass instances")
    for table, row in tables:
        assert table is not None
        table.setdefault(_NAME, row)


def _create(cls: Any, **kwargs: Any) -> Any:
    return cls(**kwargs)
