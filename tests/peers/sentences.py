"""What the page about migrating says of one package, held against the package itself. Run by ``claims.py``, in an
environment that has it: ``python sentences.py PACKAGE`` prints, as JSON, each phrase of the page and whether it is so.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"
ASK = "Hello!"
Checks = dict[str, Callable[[], bool]]


def langchain_openai(gateway: GatewayEmulator) -> Checks:
    from langchain_openai import ChatOpenAI

    def chat(**more: Any) -> Any:
        return ChatOpenAI(model=MODEL, **{"base_url": gateway.base_url, "api_key": gateway.api_key} | more)

    def by_environment(name: str) -> bool:
        os.environ[name] = gateway.base_url
        try:
            return bool(ChatOpenAI(model=MODEL, api_key=gateway.api_key).invoke(ASK).text)
        finally:
            del os.environ[name]

    def organisation() -> bool:
        os.environ["OPENAI_ORG_ID"] = "org-of-mine"
        try:
            chat().invoke(ASK)
        finally:
            del os.environ["OPENAI_ORG_ID"]
        return last(gateway).headers.get("openai-organization") == "org-of-mine"

    def limit() -> bool:
        chat(max_tokens=9).invoke(ASK)
        return "max_completion_tokens" in last(gateway).body and "max_tokens" not in last(gateway).body

    def cost_of_streams() -> bool:
        whole = None
        for chunk in chat(stream_usage=True).stream(ASK):
            whole = chunk if whole is None else whole + chunk
        complete = chat().invoke(ASK).response_metadata
        return "cost" in complete["token_usage"] and "cost" not in str(whole.response_metadata)

    return {
        "(`ChatOpenAI` has it for complete answers only)": cost_of_streams,
        "`max_tokens`, sent as `max_completion_tokens`": limit,
        "`OPENAI_API_BASE`, `OPENAI_BASE_URL`": lambda: all(
            map(by_environment, ("OPENAI_API_BASE", "OPENAI_BASE_URL"))
        ),
        "`OPENAI_ORG_ID` is not sent": organisation,
    }


def openai_like(gateway: GatewayEmulator) -> Checks:
    from llama_index.llms.openai_like import OpenAILike

    plain = OpenAILike(model=MODEL, api_base=gateway.base_url, api_key=gateway.api_key)

    def effort() -> bool:
        llm = OpenAILike(
            model=MODEL,
            api_base=gateway.base_url,
            api_key=gateway.api_key,
            is_chat_model=True,
            reasoning_effort="low",
        )
        llm.complete(ASK)
        return "reasoning_effort" not in last(gateway).body

    return {
        "`is_chat_model` (default `False`": lambda: plain.is_chat_model is False,
        "`context_window` (default 3900)": lambda: plain.context_window == 3900,
        "`reasoning_effort`, not sent for ids it does not know": effort,
    }


def haystack_ai(gateway: GatewayEmulator) -> Checks:
    from haystack.components.generators.chat import OpenAIChatGenerator

    os.environ["OPENAI_API_KEY"] = gateway.api_key
    generator = OpenAIChatGenerator()
    if getattr(generator, "client", None) is None:
        generator.warm_up()
    return {
        "`model` (default `gpt-5-mini`)": lambda: generator.model == "gpt-5-mini",
        "else 30 s and 5)": lambda: generator.client.max_retries == 5 and generator.client.timeout == 30.0,
        "`organization` | none": lambda: hasattr(generator, "organization"),
    }


def pydantic_ai(gateway: GatewayEmulator) -> Checks:
    from pydantic_ai import Agent, UnexpectedModelBehavior
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.models.openrouter import OpenRouterModel
    from pydantic_ai.providers.openai import OpenAIProvider
    from pydantic_ai.providers.openrouter import OpenRouterProvider

    provider = OpenAIProvider(base_url=gateway.base_url, api_key=gateway.api_key)

    def cost(model: str) -> Any:
        usage = Agent(OpenAIChatModel(model, provider=provider)).run_sync(ASK).usage
        return (usage() if callable(usage) else usage).cost

    def router() -> bool:
        from openai import AsyncOpenAI

        client = AsyncOpenAI(base_url=gateway.base_url, api_key=gateway.api_key)
        try:
            Agent(OpenRouterModel(MODEL, provider=OpenRouterProvider(openai_client=client))).run_sync(ASK)
        except UnexpectedModelBehavior:
            return True
        return False

    others = ("anthropic/claude-sonnet-4-5", "mistral/mistral-large-latest")
    return {
        "it was right for `openai/gpt-4o-mini`": lambda: cost(MODEL) is not None,
        "`None` for `anthropic/…`, `mistral/…`": lambda: all(cost(model) is None for model in others),
        "raises `UnexpectedModelBehavior`": router,
    }


def openai_sdk(gateway: GatewayEmulator) -> Checks:
    import openai

    client = openai.OpenAI(base_url=gateway.base_url, api_key="rqsty-wrong", max_retries=0)

    def wrong_key() -> bool:
        try:
            client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": ASK}])
        except openai.PermissionDeniedError:
            return True
        return False

    def platform() -> bool:
        client.with_options(api_key=gateway.api_key).chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": ASK}]
        )
        return any(name.startswith("x-stainless-") for name in last(gateway).headers)

    defaults = openai.OpenAI(api_key="x")
    return {
        "`max_retries=2`: 408, 409, 429, 5xx": lambda: defaults.max_retries == 2,
        "`timeout` 600 s": lambda: getattr(defaults.timeout, "read", defaults.timeout) == 600,
        "a wrong key: `PermissionDeniedError`": wrong_key,
        "`X-Stainless-…` headers": platform,
    }


def litellm(gateway: GatewayEmulator) -> Checks:
    import litellm as peer

    def ask(model: str = MODEL, **more: Any) -> Any:
        there = {"api_base": gateway.base_url, "api_key": gateway.api_key, "num_retries": 0, "max_retries": 0}
        messages = [{"role": "user", "content": ASK}]
        return peer.completion(model=f"openai/{model}", messages=messages, **there, **more)

    def effort() -> bool:
        ask(model="openai/o3-mini", reasoning_effort="low")
        return last(gateway).body.get("reasoning_effort") == "low"

    def table() -> bool:
        gateway.say("one", usage={"cost": 0.0123})
        answer = ask()
        return abs(float(answer._hidden_params["response_cost"]) - 0.0123) < 1e-9

    def streams() -> bool:
        last_usage = None
        for chunk in ask(stream=True, stream_options={"include_usage": True}):
            last_usage = getattr(chunk, "usage", None) or last_usage
        return getattr(last_usage, "cost", None) is not None

    def unprefixed() -> bool:
        messages = [{"role": "user", "content": ASK}]
        before = len(gateway.requests)
        try:
            peer.completion(model=MODEL, messages=messages, api_base=gateway.base_url, api_key=gateway.api_key)
        except Exception:  # noqa: BLE001 -- the request alone counts
            return len(gateway.requests) == before or last(gateway).model != MODEL
        return last(gateway).model != MODEL

    return {
        "the gateway's ids need `openai/` in front": unprefixed,
        '`usage.cost` of streams with `stream_options={"include_usage": True}`': streams,
        "`reasoning_effort` is sent": effort,
        "`response_cost` is the billed one": table,
    }


PACKAGES: dict[str, Callable[[GatewayEmulator], Checks]] = {
    "langchain-openai": langchain_openai,
    "llama-index-llms-openai-like": openai_like,
    "haystack-ai": haystack_ai,
    "pydantic-ai-slim": pydantic_ai,
    "openai": openai_sdk,
    "litellm": litellm,
}


def last(gateway: GatewayEmulator) -> Any:
    """The newest request."""
    return gateway.requests[-1]


def main() -> None:
    """Tell of one package."""
    warnings.simplefilter("ignore")
    for name in [name for name in os.environ if name.startswith(("OPENAI_", "REQUESTY_"))]:
        del os.environ[name]
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"
    found: dict[str, Any] = {}
    with GatewayEmulator() as gateway:
        for phrase, check in PACKAGES[sys.argv[1]](gateway).items():
            try:
                found[phrase] = check()
            except Exception as error:  # noqa: BLE001 -- told as the reason why the phrase does not hold
                found[phrase] = f"{type(error).__name__}: {error}"[:200]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
