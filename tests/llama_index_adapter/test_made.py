"""Objects made without LlamaIndex's own constructor are what that would have made."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole, TextBlock

from llama_index.llms.requesty._made import made


@pytest.mark.parametrize(
    ("cls", "values"),
    [
        (TextBlock, {"text": "a"}),
        (ChatMessage, {"role": MessageRole.ASSISTANT, "blocks": [TextBlock(text="a")]}),
        (ChatMessage, {}),
        (ChatResponse, {"message": ChatMessage("a"), "delta": "a"}),
    ],
)
def test_it_is_the_same_in_every_way(cls: Any, values: dict[str, Any]) -> None:
    own, theirs = made(cls, **values), cls.model_construct(**values)
    assert own == theirs
    assert own.model_dump() == theirs.model_dump()
    assert own.model_fields_set == theirs.model_fields_set
    assert repr(own) == repr(theirs)
    assert pickle.loads(pickle.dumps(own)) == copy.deepcopy(own) == own.model_copy() == theirs


def test_default_lists_are_not_shared() -> None:
    made(ChatMessage).blocks.append(TextBlock(text="a"))
    assert made(ChatMessage).blocks == []
