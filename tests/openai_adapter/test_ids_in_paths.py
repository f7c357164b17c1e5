"""Ids that look like paths stay within their route, and are not taken for another one."""

from __future__ import annotations

import httpx
import pytest

from openai_requesty import RequestyOpenAI


@pytest.mark.parametrize("name", ["/", "//", "a/b", "../keys", "%2e%2e", "a?b", "a#b", "managed/", "a\r\nb"])
def test_an_id_is_one_segment(name: str) -> None:
    asked: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path)
        return httpx.Response(200, json={"id": "found", "object": "model", "created": 1, "owned_by": "x"})

    client = RequestyOpenAI(api_key="k", base_url="http://gateway.test/v1", transport=httpx.MockTransport(handler))
    assert client.models.retrieve(name).id == "found"
    assert asked[0].startswith(b"/v1/models/")
    assert asked[0].count(b"/") == 3
    assert not set(b"?#\r\n ") & set(asked[0])
