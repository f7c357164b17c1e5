"""Every extra: what it may bring, one chat and one embedding call with it, and what is said where it is missing."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

__all__ = ["ALL", "EXTRAS", "FRAMEWORKS", "MISSING", "Extra", "alone_script"]

FRAMEWORKS = ("langchain_core", "llama_index.core", "haystack", "pydantic_ai", "openai")


@dataclass(frozen=True)
class Extra:
    """An extra, ``""`` for none.

    ``brings`` are the frameworks it may install, ``provides`` the extras a user of it has. ``calls`` sets ``text`` and,
    where there are embeddings, ``vector``. ``driver`` is the module of its column of the conformance matrix, ``needs``
    what that takes besides pytest.
    """

    name: str
    brings: tuple[str, ...]
    calls: str
    driver: str | None = None
    needs: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name, ``core`` for none."""
        return self.name or "core"

    @property
    def everything(self) -> frozenset[str]:
        """The extras that whoever installs it has."""
        return frozenset(name for name in (self.name, *self.provides) if name)


_CORE_CALLS = """
    from requesty_core import RequestyClient
    with RequestyClient() as client:
        text = client.chat(model=CHAT, messages=USER).text
        vector = client.embeddings(model=EMBEDDING, input=["hi"]).vectors[0]
"""

EXTRAS = (
    Extra("", (), _CORE_CALLS, driver="core"),
    Extra(
        "langchain",
        ("langchain_core",),
        """
        from langchain_requesty import ChatRequesty, RequestyEmbeddings
        text = ChatRequesty(model=CHAT).invoke("hi").text
        vector = RequestyEmbeddings(model=EMBEDDING).embed_query("hi")
        """,
        driver="langchain",
        needs=("langchain>=1.4,<2",),
    ),
    Extra(
        "llama-index",
        ("llama_index.core",),
        """
        from llama_index.embeddings.requesty import RequestyEmbedding
        from llama_index.llms.requesty import Requesty
        text = Requesty(CHAT).complete("hi").text
        vector = RequestyEmbedding(model=EMBEDDING).get_text_embedding("hi")
        """,
        driver="llama_index",
    ),
    Extra(
        "haystack",
        ("haystack", "openai"),
        """
        from haystack_integrations.components.embedders.requesty import RequestyTextEmbedder
        from haystack_integrations.components.generators.requesty import RequestyChatGenerator
        text = RequestyChatGenerator(model=CHAT).run("hi")["replies"][0].text
        vector = RequestyTextEmbedder(model=EMBEDDING).run("hi")["embedding"]
        """,
        driver="haystack",
    ),
    Extra(
        "pydantic-ai",
        ("pydantic_ai", "openai"),
        """
        from pydantic_ai import Agent, Embedder
        from pydantic_ai_requesty import RequestyEmbeddingModel, RequestyModel
        text = Agent(RequestyModel(CHAT)).run_sync("hi").output
        vector = Embedder(RequestyEmbeddingModel(EMBEDDING)).embed_query_sync("hi").embeddings[0]
        """,
        driver="pydantic_ai",
    ),
    Extra(
        "openai",
        ("openai",),
        """
        from openai_requesty import RequestyOpenAI
        client = RequestyOpenAI()
        text = client.chat.completions.create(model=CHAT, messages=USER).choices[0].message.content
        vector = client.embeddings.create(model=EMBEDDING, input=["hi"]).data[0].embedding
        """,
        driver="openai_sdk",
    ),
    Extra(
        "ledger",
        (),
        """
        from requesty_core import CostLedger, RequestyClient
        ledger = CostLedger(store="spend.db")
        with RequestyClient(ledger=ledger) as client:
            text = client.chat(model=CHAT, messages=USER).text
            vector = client.embeddings(model=EMBEDDING, input=["hi"]).vectors[0]
        assert ledger.history.total().calls == 2
        """,
        driver="core",
    ),
    Extra(
        "plot",
        (),
        """
        from matplotlib.figure import Figure
        from requesty_core import RequestyClient
        with RequestyClient() as client:
            text = client.chat(model=CHAT, messages=USER).text
            vector = client.embeddings(model=EMBEDDING, input=["hi"]).vectors[0]
        Figure().savefig("spend.svg")
        """,
        driver="core",
    ),
    Extra(
        "emulator",
        (),
        """
        from requesty_core import RequestyClient
        from requesty_emulator import GatewayEmulator
        with GatewayEmulator() as gateway, RequestyClient(base_url=gateway.base_url, api_key=gateway.api_key) as client:
            text = client.chat(model=CHAT, messages=USER).text
            vector = client.embeddings(model=EMBEDDING, input=["hi"]).vectors[0]
        """,
        driver="core",
    ),
    Extra(
        "cli",
        (),
        """
        import subprocess, sys, pathlib
        command = str(pathlib.Path(sys.executable).with_name("requesty-adapters"))
        def output(*words):
            done = subprocess.run([command, *words], capture_output=True, text=True)
            assert done.returncode == 0, f"requesty-adapters {' '.join(words)}: {done.stdout}{done.stderr}"
            return done.stdout
        for words in ((), ("chat",), ("models",), ("emulator",), ("doctor",)):
            assert "Usage" in output(*words, "--help"), words
        for application, file in (("codex", "config.toml"), ("librechat", "librechat.yaml"), ("vscode", "models.json")):
            written = ("configure", application, "--file", file, "--write")
            assert "written." in output(*written), application
            assert "nothing was written" in output(*written), application
        assert CHAT in output("models", "gpt-4o-mini", "--offline", "--json")
        text = output("chat", "hi")
        vector = None
        """,
        provides=("emulator", "ledger"),
    ),
)
ALL = Extra(
    "all",
    FRAMEWORKS,
    "".join(dedent(extra.calls) + "_check(text, vector)\n" for extra in EXTRAS),
    provides=tuple(extra.name for extra in EXTRAS),
)


def alone_script(extra: Extra) -> str:
    """A program that fails if another framework is there or a call brings nothing."""
    others = [framework for framework in FRAMEWORKS if framework not in extra.brings]
    head = f"""
        import importlib.util

        def _there(name):
            try:
                return importlib.util.find_spec(name) is not None
            except ModuleNotFoundError:
                return False

        def _check(text, vector):
            assert isinstance(text, str) and text.strip(), repr(text)
            if vector is not None:
                assert len(vector) > 100 and all(isinstance(number, float) for number in vector), repr(vector)[:200]

        others = [name for name in {others!r} if _there(name)]
        assert not others, f"also installed: {{others}}"
        CHAT, EMBEDDING = "openai/gpt-4o-mini", "openai/text-embedding-3-small"
        USER = [{{"role": "user", "content": "hi"}}]
    """
    return f"{dedent(head)}\n{dedent(extra.calls)}\n_check(text, vector)\n"


# Where only the core is: a statement, and the extra that its one line must name.
MISSING = (
    ("import langchain_requesty", "langchain"),
    ("import llama_index.llms.requesty", "llama-index"),
    ("import llama_index.embeddings.requesty", "llama-index"),
    ("import haystack_integrations.components.generators.requesty", "haystack"),
    ("import haystack_integrations.components.embedders.requesty", "haystack"),
    ("import haystack_integrations.components.audio.requesty", "haystack"),
    ("import pydantic_ai_requesty", "pydantic-ai"),
    ("import openai_requesty", "openai"),
    ("from requesty_core import CostLedger; CostLedger(store='spend.db')", "ledger"),
    ("from requesty_emulator import GatewayEmulator", "emulator"),
    ("from requesty_emulator import serve", "emulator"),
)
