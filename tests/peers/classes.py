"""How one class answers the same situations, as a JSON object on the last line. Run by ``claims.py``, in an environment
that has it: ``python classes.py NAME``.

Each entry of ``CLASSES`` makes two functions, a complete and a streamed answer, which return what a user of the class
gets: text, cost and reasoning. ``SITUATIONS`` are the emulator's; what comes of each is told in a few words.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from requesty_emulator import Fault, GatewayEmulator

MODEL, KEY = "openai/gpt-4o-mini", "rqsty-here"
STRAY = "sk-of-another-vendor"
ASK = "Hello!"


@dataclass(frozen=True)
class Told:
    """What a user of a class gets: text, cost in USD as the class has it, reasoning."""

    text: str
    cost: Any = None
    reasoning: Any = None


Ask = Callable[[str], Told]


def chat_openai(url: str) -> tuple[Ask, Ask]:
    from langchain_openai import ChatOpenAI

    chat = ChatOpenAI(model=MODEL, base_url=url, max_retries=0, **_key())
    return _langchain(chat, lambda reply: (reply.response_metadata.get("token_usage") or {}).get("cost"))


def chat_requesty(url: str) -> tuple[Ask, Ask]:
    from langchain_requesty import ChatRequesty

    chat = ChatRequesty(model=MODEL, base_url=url, max_retries=0, **_key())
    return _langchain(chat, lambda reply: reply.response_metadata.get("cost"))


def _langchain(chat: Any, cost: Callable[[Any], Any]) -> tuple[Ask, Ask]:
    def told(reply: Any) -> Told:
        thoughts = [block for block in reply.content_blocks if block["type"] == "reasoning"]
        return Told(reply.text, cost(reply), thoughts)

    def streamed(ask: str) -> Told:
        whole: Any = None
        for chunk in chat.stream(ask):
            whole = chunk if whole is None else whole + chunk
        return told(whole)

    return lambda ask: told(chat.invoke(ask)), streamed


def openai_like(url: str) -> tuple[Ask, Ask]:
    from llama_index.llms.openai_like import OpenAILike

    kwargs = {"is_chat_model": True, "max_retries": 0, **_key()}
    return _llama_index(
        OpenAILike(model=MODEL, api_base=url, **kwargs),
        lambda reply: getattr(getattr(reply.raw, "usage", None), "cost", None),
    )


def requesty(url: str) -> tuple[Ask, Ask]:
    from llama_index.llms.requesty import Requesty

    llm = Requesty(model=MODEL, base_url=url, max_retries=0, **_key())
    return _llama_index(llm, lambda reply: ((reply.raw or {}).get("usage") or {}).get("cost"))


def _llama_index(llm: Any, cost: Callable[[Any], Any]) -> tuple[Ask, Ask]:
    from llama_index.core.llms import ChatMessage

    def told(response: Any) -> Told:
        thoughts = [block for block in response.message.blocks if type(block).__name__ == "ThinkingBlock"]
        return Told(response.message.content or "", cost(response), thoughts)

    def streamed(ask: str) -> Told:
        return told(list(llm.stream_chat([ChatMessage(ask)]))[-1])

    return lambda ask: told(llm.chat([ChatMessage(ask)])), streamed


def openai_chat_generator(url: str) -> tuple[Ask, Ask]:
    from haystack.components.generators.chat import OpenAIChatGenerator

    return _haystack(OpenAIChatGenerator, url)


def requesty_chat_generator(url: str) -> tuple[Ask, Ask]:
    from haystack_integrations.components.generators.requesty import RequestyChatGenerator

    return _haystack(RequestyChatGenerator, url)


def _haystack(cls: Any, url: str) -> tuple[Ask, Ask]:
    from haystack.utils import Secret

    given = _key()
    key = {"api_key": Secret.from_token(given["api_key"])} if given else {}
    generator = cls(model=MODEL, api_base_url=url, max_retries=0, **key)

    def told(answer: Any) -> Told:
        if not answer["replies"]:
            return Told("")
        reply = answer["replies"][0]
        return Told(reply.text or "", (reply.meta.get("usage") or {}).get("cost"), reply.reasoning)

    return (
        lambda ask: told(generator.run(ask)),
        lambda ask: told(generator.run(ask, streaming_callback=lambda chunk: None)),
    )


def openai_chat_model(url: str) -> tuple[Ask, Ask]:
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    client = AsyncOpenAI(base_url=url, max_retries=0, **_key())
    return _pydantic_ai(OpenAIChatModel(MODEL, provider=OpenAIProvider(openai_client=client)))


def requesty_model(url: str) -> tuple[Ask, Ask]:
    from pydantic_ai_requesty import RequestyModel, RequestyProvider

    return _pydantic_ai(RequestyModel(MODEL, provider=RequestyProvider(base_url=url, max_retries=0, **_key())))


def _pydantic_ai(model: Any) -> tuple[Ask, Ask]:
    from pydantic_ai import Agent

    agent = Agent(model, retries=0)

    def told(result: Any) -> Told:
        parts = [part for message in result.all_messages() for part in message.parts]
        thoughts = [part for part in parts if type(part).__name__ == "ThinkingPart"]
        usage = result.usage() if callable(result.usage) else result.usage
        return Told(result.output, getattr(usage, "cost", None), thoughts)

    def streamed(ask: str) -> Told:
        stream = agent.run_stream_sync(ask)
        text = stream.get_output()
        result = stream
        parts = [part for message in result.all_messages() for part in message.parts]
        thoughts = [part for part in parts if type(part).__name__ == "ThinkingPart"]
        usage = result.usage() if callable(result.usage) else result.usage
        return Told(text, getattr(usage, "cost", None), thoughts)

    return lambda ask: told(agent.run_sync(ask)), streamed


def sdk(url: str) -> tuple[Ask, Ask]:
    import openai

    return _openai(openai.OpenAI(base_url=url, max_retries=0, **_key()), lambda answer: answer.usage.cost)


def requesty_sdk(url: str) -> tuple[Ask, Ask]:
    from openai_requesty import RequestyOpenAI, call_details

    client = RequestyOpenAI(base_url=url, max_retries=0, **_key())
    return _openai(client, lambda answer: call_details(answer).cost)


def _openai(client: Any, cost: Callable[[Any], Any]) -> tuple[Ask, Ask]:
    def complete(ask: str) -> Told:
        answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": ask}])
        message = answer.choices[0].message
        return Told(message.content or "", cost(answer), getattr(message, "reasoning_content", None))

    def streamed(ask: str) -> Told:
        stream = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": ask}], stream=True)
        text, thought, usage = "", "", None
        for chunk in stream:
            usage = getattr(chunk, "usage", None) or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                thought += getattr(choice.delta, "reasoning_content", None) or ""
        details = getattr(stream, "details", None)
        return Told(text, getattr(usage, "cost", None) if details is None else details.cost, thought)

    return complete, streamed


def litellm(url: str) -> tuple[Ask, Ask]:
    import litellm as peer

    def call(ask: str, **more: Any) -> Any:
        messages = [{"role": "user", "content": ask}]
        return peer.completion(
            model=f"openai/{MODEL}", api_base=url, messages=messages, num_retries=0, max_retries=0, **_key(), **more
        )

    def complete(ask: str) -> Told:
        answer = call(ask)
        message = answer.choices[0].message
        return Told(message.content or "", getattr(answer.usage, "cost", None), _thought(message))

    def streamed(ask: str) -> Told:
        text, thought, usage = "", "", None
        for chunk in call(ask, stream=True):
            usage = getattr(chunk, "usage", None) or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                thought += _thought(choice.delta) or ""
        return Told(text, getattr(usage, "cost", None), thought)

    return complete, streamed


def requesty_client(url: str) -> tuple[Ask, Ask]:
    from requesty_core import RequestyClient

    client = RequestyClient(base_url=url, max_retries=0, **_key())

    def told(reply: Any) -> Told:
        return Told(reply.text, reply.usage and reply.usage.cost, reply.reasoning)

    def streamed(ask: str) -> Told:
        with client.stream(model=MODEL, messages=[{"role": "user", "content": ask}]) as stream:
            for _ in stream:
                pass
            return told(stream.message)

    return lambda ask: told(client.chat(model=MODEL, messages=[{"role": "user", "content": ask}])), streamed


def _thought(message: Any) -> Any:
    return getattr(message, "reasoning_content", None)


_given: dict[str, str] = {}


def _key() -> dict[str, Any]:
    return dict(_given)


CLASSES: dict[str, Callable[[str], tuple[Ask, Ask]]] = {
    "ChatOpenAI": chat_openai,
    "ChatRequesty": chat_requesty,
    "OpenAILike": openai_like,
    "Requesty": requesty,
    "OpenAIChatGenerator": openai_chat_generator,
    "RequestyChatGenerator": requesty_chat_generator,
    "OpenAIChatModel": openai_chat_model,
    "RequestyModel": requesty_model,
    "openai.OpenAI": sdk,
    "RequestyOpenAI": requesty_sdk,
    "litellm.completion": litellm,
    "RequestyClient": requesty_client,
}


def outcome(ask: Ask, whole: str = "one two three four") -> str:
    """What came of a question that the gateway did not answer well: an error, or what was passed off as an answer."""
    try:
        text = ask(ASK).text
    except Exception as error:  # noqa: BLE001 -- which one is what is told
        return f"`{type(error).__name__}`"
    if not text:
        return "an empty answer"
    return "the whole text" if text == whole else "a shorter text, no error"


def cost_of(ask: Ask, gateway: GatewayEmulator) -> str:
    """Whether the cost that the gateway billed is where the class's users find what was used."""
    before = gateway.billed
    cost = ask(ASK).cost
    billed = float(gateway.billed - before)
    if cost is None:
        return "none"
    return "as billed" if abs(float(cost) - billed) < 1e-9 else "another than billed"


def situations(make: Callable[[str], tuple[Ask, Ask]], gateway: GatewayEmulator) -> dict[str, str]:
    """Each situation and what came of it."""
    _given["api_key"] = gateway.api_key
    complete, streamed = make(gateway.base_url)
    found: dict[str, str] = {}
    text = "one two three four"
    for name, ask, fault in (
        ("early_end", streamed, Fault(truncate_after_chunks=3)),
        (
            "error_in_stream",
            streamed,
            Fault(error_event={"message": "out of capacity", "code": 503}, error_after_chunks=3),
        ),
        ("no_choices", complete, Fault(empty_choices=True)),
        ("error_in_200", complete, Fault(error_in_200={"message": "out of capacity", "code": 503})),
        ("html", complete, Fault(status=200, html=True)),
    ):
        gateway.clear()
        gateway.say(text)
        gateway.fail_next(fault=fault)
        found[name] = outcome(ask)
    gateway.clear()
    found["cost"] = cost_of(complete, gateway)
    found["stream_cost"] = cost_of(streamed, gateway)
    # A bill that no price table has.
    gateway.say(text, usage={"cost": 0.0123})
    found["odd_cost"] = "as billed" if str(complete(ASK).cost).rstrip("0") in ("0.0123", "0.01230") else "another"
    gateway.clear()
    gateway.say(text, reasoning="First this.")
    found["reasoning"] = "kept" if complete(ASK).reasoning else "dropped"
    found["key"] = stray_key(make, gateway)
    return found


def stray_key(make: Callable[[str], tuple[Ask, Ask]], gateway: GatewayEmulator) -> str:
    """Whether a class that was given an address alone sends another vendor's key there."""
    _given.clear()
    os.environ["OPENAI_API_KEY"] = STRAY
    gateway.clear()
    # It may be refused, with or without a request: the record below tells.
    with contextlib.suppress(Exception):
        make(gateway.base_url)[0](ASK)
    sent = any(STRAY in value for request in gateway.requests for value in request.headers.values())
    return "sent to the gateway" if sent else "not sent"


def main() -> None:
    """Tell of one class."""
    warnings.simplefilter("ignore")
    for name in [name for name in os.environ if name.startswith(("OPENAI_", "REQUESTY_"))]:
        del os.environ[name]
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"
    with GatewayEmulator() as gateway:
        print(json.dumps(situations(CLASSES[sys.argv[1]], gateway)))


if __name__ == "__main__":
    main()
