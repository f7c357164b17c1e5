"""Small helpers: bodies to send and streams to read."""

from __future__ import annotations

import json
from typing import Any

import httpx

CHAT = "/v1/chat/completions"
MODEL = "openai/gpt-4o-mini"


def ask(text: str = "hello", **fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **fields}


def tool(name: str, description: str = "", **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def chat(http: httpx.Client, text: str = "hello", **fields: Any) -> dict[str, Any]:
    response = http.post(CHAT, json=ask(text, **fields))
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def said(http: httpx.Client, text: str, **fields: Any) -> str:
    content: str = chat(http, text, **fields)["choices"][0]["message"]["content"]
    return content


def called(http: httpx.Client, text: str, tools: list[dict[str, Any]], **fields: Any) -> list[tuple[str, Any]]:
    message = chat(http, text, tools=tools, **fields)["choices"][0]["message"]
    calls = message.get("tool_calls", [])
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]


def events(text: str) -> list[Any]:
    """Payloads of a stream's ``data:`` lines; ``[DONE]`` stays text."""
    found = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.startswith("data: "):
            data = line[6:]
            found.append(data if data == "[DONE]" else json.loads(data))
    return found


def stream(http: httpx.Client, text: str = "hello", **fields: Any) -> list[Any]:
    response = http.post(CHAT, json=ask(text, stream=True, **fields))
    assert response.status_code == 200, response.text
    return events(response.text)


def joined(chunks: list[Any], field: str = "content") -> str:
    deltas = [choice["delta"] for chunk in chunks if chunk != "[DONE]" for choice in chunk.get("choices", ())]
    return "".join(delta.get(field) or "" for delta in deltas)


def error(response: httpx.Response) -> dict[str, Any]:
    body = response.json()
    assert set(body) == {"error"}
    inner: dict[str, Any] = body["error"]
    return inner
