"""Building the SDK's models from decoded JSON, at a fraction of the cost of its own way.

The SDK builds models field by field in Python, so that an answer that breaks the schema still comes through. Nearly
every answer keeps it, and for those Pydantic's compiled validator gives an equal model: the same values, the same set
of fields, unknown ones kept. It runs in strict mode, where nothing is converted; whatever it refuses is built in the
SDK's way.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

__all__ = ["builder", "chunk_builder"]

# By name, as importing the SDK's types takes a while and may never be needed.
_FAST = frozenset(
    {
        ("openai.types.chat.chat_completion_chunk", "ChatCompletionChunk"),
        ("openai.types.chat.chat_completion", "ChatCompletion"),
        ("openai.types.create_embedding_response", "CreateEmbeddingResponse"),
    }
)


@functools.cache
def _validator(model: type[BaseModel]) -> Callable[..., Any]:
    # The SDK's models are built on first use.
    model.model_rebuild()
    return model.__pydantic_validator__.validate_python


def builder(cast_to: Any, slow: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function from decoded JSON to ``cast_to``; ``slow`` is the SDK's own."""
    if (getattr(cast_to, "__module__", None), getattr(cast_to, "__name__", None)) not in _FAST:
        return slow
    validate = _validator(cast_to)

    def build(data: Any) -> Any:
        try:
            return validate(data, strict=True)
        except ValidationError:
            return slow(data)

    def build_embeddings(data: Any) -> Any:
        vectors = _texts(data)
        if vectors is None:
            return build(data)
        try:
            # The SDK's type of a vector knows no base64, in which the SDK asks for them.
            answer = validate({**data, "data": [{**entry, "embedding": []} for entry in data["data"]]}, strict=True)
        except ValidationError:
            return slow(data)
        for entry, vector in zip(answer.data, vectors, strict=True):
            entry.embedding = vector
        return answer

    return build_embeddings if cast_to.__name__ == "CreateEmbeddingResponse" else build


def _texts(data: Any) -> list[str] | None:
    """The vectors of an embeddings answer in which all of them are texts."""
    entries = data.get("data") if type(data) is dict else None
    if type(entries) is not list or not all(type(entry) is dict for entry in entries):
        return None
    vectors = [entry.get("embedding") for entry in entries]
    return vectors if all(type(vector) is str for vector in vectors) else None


def chunk_builder(stream: Any) -> Callable[[Any], Any]:
    """The same for the chunks of one of the SDK's streams."""
    client, cast_to, response = stream._client, stream._cast_to, stream.response

    def slow(data: Any) -> Any:
        return client._process_response_data(data=data, cast_to=cast_to, response=response)

    return slow if client._strict_response_validation else builder(cast_to, slow)
