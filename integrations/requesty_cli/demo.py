"""The demo: a streamed answer and a tool round trip through LangChain, with what they cost."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from langchain_requesty import ChatRequesty
from requesty_core import CostLedger, MissingKeyError, RequestyError

from .harmless import harmless

__all__ = ["run_demo"]

TEXT = (
    "The lighthouse at Skerry Point was lit for the first time in 1874. Its lamp burns paraffin no longer: since 1962 "
    "the light has been electric and can be seen from eighteen sea miles away. The keeper's house beside it is a small "
    "museum today, open from April to October. Visitors climb 143 steps to reach the gallery."
)
QUESTION = "From how far away can the light be seen?"
PACE_SECONDS = 0.03


@tool
def ferry_departure(harbour: str, passengers: int) -> str:
    """Look up the next ferry to Skerry Point from a harbour, for a number of passengers."""
    return f"The next ferry from {harbour} leaves at 14:20 and has room for {passengers} passengers."


_WIDE = 72
"""Columns from which the closing table stands in full."""


@dataclass
class Line:
    """One row of the closing table. Times in seconds; cost in USD, ``None`` if the gateway did not tell it."""

    step: str
    requested: str
    served: str
    first_token: float | None
    tokens_in: int
    tokens_out: int
    cost: Decimal | None


def run_demo(*, live: bool, model: str, tool_model: str) -> int:
    """Run both steps and print the table. Returns the exit status: 0, or 1 if a step failed.

    Raises :class:`MissingKeyError` if ``live`` is asked for without a key.
    """
    console = Console(highlight=False)
    if live and not os.environ.get("REQUESTY_API_KEY"):
        raise MissingKeyError("api_key: --live needs a key; set REQUESTY_API_KEY")
    ledger = CostLedger()
    lines: list[Line] = []
    steps = (("streamed answer", _answer, model), ("tool round trip", _tool_round_trip, tool_model))
    failed = 0
    with _gateway(live) as settings:
        console.print(f"[dim]Gateway: {settings.get('base_url', 'the real one')}[/dim]\n")
        for name, step, step_model in steps:
            chat = ChatRequesty(model=step_model, temperature=0, ledger=ledger, **settings)
            try:
                lines += step(console, chat)
            except RequestyError as error:
                failed = 1
                console.print(f"\n[red]{name} failed:[/red] {escape(harmless(str(error)))}")
            console.print()
    if lines:
        console.print(_table(lines, narrow=console.width < _WIDE))
    total = ledger.total
    unknown = f" ({total.unknown} of unknown cost)" if total.unknown else ""
    console.print(f"{total.calls} call{'' if total.calls == 1 else 's'}{unknown}, {total.cost:f} USD in all")
    return failed


@contextlib.contextmanager
def _gateway(live: bool) -> Iterator[dict[str, Any]]:
    if live:
        yield {}
        return
    from requesty_emulator import GatewayEmulator

    with GatewayEmulator() as gateway:
        gateway.fault(chunk_delay=PACE_SECONDS)
        yield {"base_url": gateway.base_url, "api_key": gateway.api_key}


def _answer(console: Console, chat: ChatRequesty) -> list[Line]:
    console.print(f"[bold]1. A streamed answer[/bold] from {escape(chat.model)}")
    console.print(f"[dim]{TEXT}[/dim]")
    console.print(f"[cyan]Question:[/cyan] {QUESTION}\n[cyan]Answer:[/cyan]   ", end="")
    return [
        _stream(
            console, "answer", chat, [SystemMessage(f"Answer from this text only: {TEXT}"), HumanMessage(QUESTION)]
        )[1]
    ]


def _tool_round_trip(console: Console, chat: ChatRequesty) -> list[Line]:
    question = "When does the next ferry leave from Oban for 4 passengers?"
    console.print(f"[bold]2. A tool round trip[/bold] with {escape(chat.model)}")
    console.print(f"[cyan]Question:[/cyan] {question}")
    with_tools = chat.bind_tools([ferry_departure])
    messages: list[BaseMessage] = [HumanMessage(question)]
    asked = with_tools.invoke(messages)
    lines = [_line("tool call", chat.model, asked, None)]
    if not asked.tool_calls:
        console.print(f"[yellow]The model called no tool:[/yellow] {escape(harmless(asked.text))}")
        return lines
    messages.append(asked)
    for call in asked.tool_calls:
        result = ferry_departure.invoke(call)
        messages.append(result)
        console.print(f"[cyan]Call:[/cyan]     {escape(harmless(call['name']))}({escape(harmless(str(call['args'])))})")
        console.print(f"[cyan]Result:[/cyan]   {escape(harmless(result.text))}")
    console.print("[cyan]Answer:[/cyan]   ", end="")
    return [*lines, _stream(console, "tool result", with_tools, messages, chat.model)[1]]


def _stream(
    console: Console, step: str, chat: Any, messages: list[BaseMessage], requested: str | None = None
) -> tuple[AIMessageChunk, Line]:
    started = time.perf_counter()
    first: float | None = None
    whole: AIMessageChunk | None = None
    for chunk in chat.stream(messages):
        text = chunk.text
        if text:
            first = first or time.perf_counter() - started
            console.print(harmless(text), end="", markup=False)
        whole = chunk if whole is None else whole + chunk
    console.print()
    assert whole is not None
    return whole, _line(step, requested or chat.model, whole, first)


def _line(step: str, requested: str, message: AIMessage, first: float | None) -> Line:
    metadata = message.response_metadata
    usage = message.usage_metadata
    cost = metadata.get("cost")
    return Line(
        step=step,
        requested=metadata.get("requested_model", requested),
        served=metadata.get("model_name", "?"),
        first_token=first,
        tokens_in=usage["input_tokens"] if usage else 0,
        tokens_out=usage["output_tokens"] if usage else 0,
        cost=None if cost is None else Decimal(str(cost)),
    )


def _table(lines: list[Line], *, narrow: bool) -> Table:
    """The closing table. A narrow one has the step above its model, and shorter heads, so that ids stay whole."""
    table = Table(
        title="What it took", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=not narrow
    )
    models = "model requested\n[dim]→ served[/dim]"
    if narrow:
        table.add_column(f"step\n{models}", overflow="fold")
    else:
        table.add_column("step", no_wrap=True)
        table.add_column(models, overflow="fold")
    for name in (
        ("first\ntoken", "in", "out", "USD") if narrow else ("first\ntoken", "tokens\nin", "tokens\nout", "cost USD")
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        model = f"{escape(line.requested)}\n[dim]→ {escape(harmless(line.served))}[/dim]"
        table.add_row(
            *([f"{line.step}\n{model}"] if narrow else [line.step, model]),
            "" if line.first_token is None else f"{line.first_token * 1000:.0f} ms",
            str(line.tokens_in),
            str(line.tokens_out),
            "unknown" if line.cost is None else f"{line.cost:f}",
        )
    return table
