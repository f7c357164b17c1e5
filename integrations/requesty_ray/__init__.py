"""Bulk chats and embeddings on Ray Data: the functions of ``requesty_core``, on a ``ray.data.Dataset``.

>>> from requesty_ray import bulk_chat
>>> bulk_chat(dataset, model="openai/gpt-4o-mini", prompt="Label: {text}").write_parquet("out")  # doctest: +SKIP
"""

from __future__ import annotations

from requesty_core.lazy import lazy_names

NAMES = {
    ".datasets": ("bulk_chat", "bulk_embed"),
    ".worker": ("BulkWorker",),
}

__all__, __getattr__, __dir__ = lazy_names(__name__, NAMES)
