"""Bulk chats and embeddings on Ray Data: the functions of ``requesty_core``, on a ``ray.data.Dataset``.

>>> from requesty_ray import bulk_chat
>>> bulk_chat(dataset, model="openai/gpt-4o-mini", prompt="Label: {text}").write_parquet("out")  # doctest: +SKIP
"""

from __future__ import annotations

from requesty_core.extras import extra_missing

try:
    from .datasets import bulk_chat, bulk_embed
    from .worker import BulkWorker
except ModuleNotFoundError as _missing:
    raise extra_missing(_missing, "ray") from None

__all__ = ["BulkWorker", "bulk_chat", "bulk_embed"]
