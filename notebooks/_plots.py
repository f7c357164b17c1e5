"""The plots of the notebooks, so that their cells show the calls and not the drawing.

Every function draws one figure and displays it; colours are told apart by colour-blind readers too (Okabe and Ito).
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from IPython.display import display
from matplotlib.figure import Figure

from requesty_core import Attempt, AttemptFinished, AttemptStarted, CallCommitted, LedgerEntry

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, GREY = "#CC79A7", "#56B4E9", "#8a8a8a"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED)
MARKERS = ("o", "s", "^", "D", "v", "P")
OUTCOMES = {"ok": (GREEN, "answered"), "error": (RED, "failed"), "cancelled": (GREY, "cancelled")}
INK, FAINT = "#222222", "#d9d9d9"
WIDTH = 8.0
DPI = 110


def _axes(height: float, columns: int = 1) -> tuple[Figure, Any]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(1, columns)
    for axis in np.atleast_1d(axes):
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color(GREY)
        axis.tick_params(colors=INK, labelsize=9)
        axis.set_axisbelow(True)
    return figure, axes


def _title(axis: Any, text: str) -> None:
    axis.set_title(text, loc="left", fontsize=11, fontweight="bold", color=INK)


def _show(figure: Figure, told: str) -> None:
    """Display the figure as PNG, with ``told`` in its place where pictures are not shown."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    picture = base64.b64encode(buffer.getvalue()).decode()
    display({"image/png": picture, "text/plain": told}, metadata={"image/png": {"alt": told}}, raw=True)


def _room(figure: Figure, axis: Any, labels: Sequence[tuple[float, Any]]) -> None:
    """Widen the x axis until each label, which begins at its bar's end, fits into the frame."""
    figure.draw_without_rendering()
    width = axis.get_window_extent().width
    needed = [at * width / max(width - text.get_window_extent().width - 14, 1) for at, text in labels]
    axis.set_xlim(0, max([*needed, axis.get_xlim()[1]]))


def _beside(axis: Any, at: float, row: float, text: str) -> tuple[float, Any]:
    """Write a label to the right of a bar's end."""
    made = axis.annotate(
        text,
        (at, row),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        color=INK,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )
    # Room is made for it along the axis; the layout would take it from the axis instead.
    made.set_in_layout(False)
    return at, made


# --- a bulk run -------------------------------------------------------------------------------------------------------


def throughput(measured: Mapping[int, float], latency: float, title: str = "Rows per second") -> None:
    """Rows per second by requests at a time, beside what the latency alone would allow."""
    figure, axis = _axes(3.2)
    most = list(measured)
    axis.plot(most, [one / latency for one in most], color=GREY, linestyle="--", linewidth=1, label="by latency alone")
    axis.plot(most, list(measured.values()), color=BLUE, marker="o", markersize=4, label="measured")
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xticks(most, [str(one) for one in most])
    axis.set_xlabel("requests at a time", color=INK, fontsize=9)
    axis.legend(frameon=False, fontsize=9)
    _title(axis, title)
    told = ", ".join(f"{one}: {rate:.0f}" for one, rate in measured.items())
    _show(figure, f"{title} by requests at a time: {told}.")


# --- a stream ---------------------------------------------------------------------------------------------------------


def token_timeline(arrivals: Sequence[tuple[float, str]], title: str = "Arrival of a streamed answer") -> None:
    """Characters received over time. ``arrivals`` are ``(seconds since the call, piece of text)``."""
    arrivals = [(at, text) for at, text in arrivals if text]
    figure, axis = _axes(2.8)
    _title(axis, title)
    if arrivals:
        at = [1000 * moment for moment, _ in arrivals]
        total = np.cumsum([len(text) for _, text in arrivals])
        axis.step([at[0], *at], [0, *total], where="post", color=BLUE, linewidth=1.4)
        axis.plot(at, total, "o", color=BLUE, markersize=3.5)
        axis.axvspan(0, at[0], color=FAINT, alpha=0.6, linewidth=0)
        axis.axvline(at[0], color=ORANGE, linewidth=1.6)
        axis.annotate(
            f"first text after {at[0]:.0f} ms",
            (at[0], total[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            va="top",
            fontsize=9,
            color=INK,
        )
        axis.set_xlim(0, at[-1] * 1.03)
        axis.set_ylim(0, total[-1] * 1.08)
    axis.set_xlabel("milliseconds since the call")
    axis.set_ylabel("characters received")
    axis.grid(axis="y", color=FAINT, linewidth=0.6)
    _show(figure, "Line: characters received over time; the grey part is the wait for the first text.")


# --- attempts ---------------------------------------------------------------------------------------------------------


@dataclass
class Bar:
    """One attempt on the time axis, in seconds since the call began."""

    model: str
    number: int
    outcome: str
    start: float
    end: float
    first_token: float | None = None
    told: str = ""
    call: int = 0

    @property
    def label(self) -> str:
        """Name of the row: the attempt, after the call's number where several calls are shown."""
        return f"{self.call}.{self.number}  {self.model}" if self.call else f"{self.number}  {self.model}"


def bars_of_attempts(attempts: Iterable[Attempt | Mapping[str, Any]]) -> list[Bar]:
    """Attempts as every adapter reports them, laid end to end: a chain without waits runs one after the other."""
    bars: list[Bar] = []
    for attempt in attempts:
        row = dict(attempt) if isinstance(attempt, Mapping) else {n: getattr(attempt, n) for n in Attempt.__slots__}
        start = bars[-1].end if bars else 0.0
        first = row["time_to_first_token"]
        bars.append(
            Bar(
                row["model"],
                row["number"],
                row["outcome"],
                start,
                start + row["latency"],
                None if first is None else start + first,
                row["error_class"] or "",
            )
        )
    return bars


@dataclass
class Recorder:
    """An ``on_event`` hook that notes when attempts start and end, hedged ones beside each other.

    To show several calls in one picture, count them with ``call``.
    """

    origin: float = field(default_factory=time.perf_counter)
    bars: list[Bar] = field(default_factory=list)
    call: int = 0

    def __call__(self, event: Any) -> None:
        """Note one event of a call."""
        now = time.perf_counter() - self.origin
        if isinstance(event, AttemptStarted):
            self.bars.append(Bar(event.model, event.number, "running", now, now, call=self.call))
        elif isinstance(event, CallCommitted):
            self._open(event.number).first_token = now
        elif isinstance(event, AttemptFinished):
            bar = self._open(event.attempt.number)
            bar.end, bar.outcome, bar.told = now, event.attempt.outcome, event.attempt.error_class or ""

    def _open(self, number: int) -> Bar:
        return next(bar for bar in reversed(self.bars) if bar.number == number and bar.outcome == "running")


def waterfall(bars: Sequence[Bar], title: str = "Attempts of one call", deadline: float | None = None) -> None:
    """One bar per attempt, from its request to its end; a notch marks the first token of a stream."""
    figure, axis = _axes(1.15 + 0.42 * max(len(bars), 1))
    _title(axis, title)
    end = max([bar.end for bar in bars] + [deadline or 0.0, 1e-3]) * 1000
    labels = []
    for row, bar in enumerate(bars):
        colour, word = OUTCOMES.get(bar.outcome, (SKY, bar.outcome))
        start, stop = 1000 * bar.start, 1000 * bar.end
        length = max(stop - start, end * 0.004)
        axis.barh(row, length, left=start, height=0.62, color=colour)
        if bar.first_token is not None:
            axis.plot([1000 * bar.first_token] * 2, [row - 0.31, row + 0.31], color="white", linewidth=2)
        text = f"{word}: {bar.told}" if bar.told else word
        labels.append(_beside(axis, start + length, row, f"{text}, {stop - start:.0f} ms"))
    if deadline is not None:
        axis.axvline(1000 * deadline, color=INK, linestyle="--", linewidth=1)
        axis.text(1000 * deadline, -0.68, " deadline", va="center", fontsize=8.5, color=INK)
    axis.set_yticks(range(len(bars)), [bar.label for bar in bars])
    axis.set_ylim(len(bars) - 0.45, -0.65 if deadline is None else -0.95)
    axis.set_xlim(0, end * 1.03)
    _room(figure, axis, labels)
    axis.set_xlabel(f"milliseconds since the {'first ' if any(bar.call for bar in bars) else ''}call")
    axis.grid(axis="x", color=FAINT, linewidth=0.6)
    rows = "; ".join(f"{bar.number} {bar.model} {OUTCOMES.get(bar.outcome, ('', bar.outcome))[1]}" for bar in bars)
    _show(figure, f"Bars, one per attempt: {rows}.")


# --- money ------------------------------------------------------------------------------------------------------------


def cost_by_model(entries: Mapping[str, LedgerEntry], title: str = "Cost by model") -> None:
    """What a ledger booked per model; calls whose cost was not told are named, not drawn as zero."""
    rows = sorted(entries.items(), key=lambda item: item[1].cost)
    figure, axis = _axes(1.1 + 0.42 * max(len(rows), 1))
    _title(axis, title)
    micro = [float(entry.cost) * 1e6 for _, entry in rows]
    most = max([*micro, 1e-9])
    labels = []
    for row, ((_, entry), amount) in enumerate(zip(rows, micro, strict=True)):
        axis.barh(row, amount, height=0.62, color=COLOURS[0])
        told = entry.calls - entry.unknown
        parts = [f"{amount:,.1f} in {told} call{'s' * (told != 1)}"] if told else []
        if entry.unknown:
            parts.append(f"{entry.unknown} call{'s' * (entry.unknown != 1)} of unknown cost")
        labels.append(_beside(axis, amount, row, ", ".join(parts)))
    axis.set_yticks(range(len(rows)), [model for model, _ in rows])
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.set_xlim(0, most * 1.03)
    _room(figure, axis, labels)
    axis.set_xlabel("cost in millionths of a US dollar")
    axis.grid(axis="x", color=FAINT, linewidth=0.6)
    _show(figure, f"Bars: cost by model for {', '.join(model for model, _ in reversed(rows))}.")


def grouped_cost(groups: Mapping[str, Mapping[str, float]], title: str, xlabel: str) -> None:
    """Several amounts (USD) per row, such as an estimate beside the bill."""
    series = list(dict.fromkeys(name for values in groups.values() for name in values))
    figure, axis = _axes(1.3 + 0.34 * len(groups) * len(series))
    _title(axis, title)
    height, labels = 0.8 / len(series), []
    most = max([amount for values in groups.values() for amount in values.values()] + [1e-15]) * 1e6
    for index, name in enumerate(series):
        for row, values in enumerate(groups.values()):
            if name not in values:
                continue
            amount = values[name] * 1e6
            at = row - 0.4 + height * (index + 0.5)
            axis.barh(at, amount, height=height * 0.9, color=COLOURS[index], label=name if row == 0 else None)
            labels.append(_beside(axis, amount, at, f"{amount:,.1f}"))
    axis.set_yticks(range(len(groups)), list(groups))
    axis.set_ylim(len(groups) - 0.45, -0.55)
    axis.set_xlim(0, most * 1.03)
    _room(figure, axis, labels)
    axis.set_xlabel(xlabel)
    axis.grid(axis="x", color=FAINT, linewidth=0.6)
    axis.legend(frameon=False, fontsize=9, ncols=len(series), loc="lower right", bbox_to_anchor=(1, 1), borderpad=0)
    _show(figure, f"Bars: {' and '.join(series)} for {', '.join(groups)}.")


def budget_curve(spent: Sequence[float], limit: float, refused: int, title: str = "A budget runs out") -> None:
    """Spending after each call against the limit; refused calls are crosses on the line."""
    figure, axis = _axes(3.0)
    _title(axis, title)
    amounts = np.array([0.0, *spent]) * 1e6
    axis.step(range(len(amounts)), amounts, where="post", color=BLUE, linewidth=1.6)
    axis.plot(range(1, len(amounts)), amounts[1:], "o", color=BLUE, markersize=5, label="answered")
    last = len(amounts) - 1
    if refused:
        axis.plot([last, last + refused + 0.4], [amounts[-1]] * 2, color=GREY, linewidth=1.2, linestyle=":")
        axis.plot(
            range(last + 1, last + refused + 1),
            [amounts[-1]] * refused,
            "X",
            color=RED,
            markersize=8,
            label="refused, nothing sent",
        )
    axis.axhline(limit * 1e6, color=INK, linestyle="--", linewidth=1)
    axis.text(0.1, limit * 1e6, "limit", va="bottom", fontsize=9, color=INK)
    axis.set_xlabel("call")
    axis.set_ylabel("spent, millionths of a US dollar")
    axis.set_xlim(0, last + refused + 0.6)
    axis.set_ylim(0, max(amounts[-1], limit * 1e6) * 1.15)
    axis.set_xticks(range(last + refused + 1))
    axis.grid(axis="y", color=FAINT, linewidth=0.6)
    axis.legend(frameon=False, fontsize=9, loc="lower right")
    _show(figure, f"Steps: spending over {last} answered calls up to the limit, then {refused} refused ones.")


def cache_turns(turns: Sequence[Any], plain: Sequence[Any], title: str = "A conversation with auto_cache") -> None:
    """Prompt tokens of each turn by how they are billed, and the cost beside that of ``plain``, without the cache.

    Both are sequences of :class:`requesty_core.Usage`; an unknown cost leaves a gap.
    """
    figure, (left, right) = _axes(3.2, 2)
    _title(left, "Prompt tokens of each turn")
    _title(right, "Cost of each turn")
    at = np.arange(1, len(turns) + 1)
    read, written = (np.array([getattr(turn, n) for turn in turns]) for n in ("cached_tokens", "caching_tokens"))
    new = np.array([turn.input_tokens for turn in turns]) - read - written
    bottom = np.zeros(len(turns))
    for amount, colour, label in ((read, GREEN, "read from cache"), (written, ORANGE, "written"), (new, GREY, "plain")):
        left.bar(at, amount, bottom=bottom, color=colour, width=0.62, label=label)
        bottom = bottom + amount
    left.set_ylim(0, bottom.max() * 1.3)
    left.legend(frameon=False, fontsize=8.5, ncols=3, loc="upper left", columnspacing=1, handlelength=1.2)
    for usages, colour, marker, label in ((plain, GREY, "s", "without cache"), (turns, BLUE, "o", "with auto_cache")):
        cost = [float("nan") if usage.cost is None else float(usage.cost) * 1e6 for usage in usages]
        right.plot(range(1, len(cost) + 1), cost, color=colour, marker=marker, linewidth=1.8, label=label)
    right.set_ylim(0, right.get_ylim()[1] * 1.3)
    right.set_ylabel("millionths of a US dollar")
    right.legend(frameon=False, fontsize=8.5, loc="upper right")
    for axis in (left, right):
        axis.set_xticks(at)
        axis.set_xlabel("turn")
        axis.grid(axis="y", color=FAINT, linewidth=0.6)
    figure.suptitle(title, fontsize=11, fontweight="bold", color=INK)
    _show(
        figure, f"Bars: cached and plain prompt tokens of {len(turns)} turns; lines: their cost with and without cache."
    )


def panels(rows: Mapping[str, Mapping[str, float]], title: str) -> None:
    """One small bar chart per measure, the same rows in each."""
    measures = list(next(iter(rows.values())))
    figure, axes = _axes(0.95 + 0.36 * len(rows), len(measures))
    for column, (axis, measure) in enumerate(zip(np.atleast_1d(axes), measures, strict=True)):
        amounts = [values[measure] for values in rows.values()]
        axis.barh(range(len(rows)), amounts, height=0.66, color=COLOURS[column % len(COLOURS)])
        labels = [_beside(axis, amount, row, f"{amount:,.0f}") for row, amount in enumerate(amounts)]
        axis.set_title(measure, loc="left", fontsize=9.5, color=INK)
        axis.set_yticks(range(len(rows)) if column == 0 else [], list(rows) if column == 0 else [])
        axis.set_ylim(len(rows) - 0.45, -0.55)
        axis.set_xticks([])
        axis.spines["bottom"].set_visible(False)
        axis.set_xlim(0, max([*amounts, 1e-9]) * 1.03)
        _room(figure, axis, labels)
    figure.suptitle(title, fontsize=11, fontweight="bold", color=INK)
    _show(figure, f"Bars: {', '.join(measures)} for {', '.join(rows)}.")


# --- time -------------------------------------------------------------------------------------------------------------


def latency_curves(samples: Mapping[str, Sequence[float]], title: str, note: float | None = None) -> None:
    """Share of calls answered within a time, one curve per way of calling; seconds in, milliseconds shown."""
    figure, axis = _axes(3.2)
    _title(axis, title)
    for index, (name, seconds) in enumerate(samples.items()):
        values = np.sort(np.asarray(seconds)) * 1000
        share = np.arange(1, len(values) + 1) / len(values) * 100
        axis.step([0, *values], [0, *share], where="post", color=COLOURS[index], linewidth=2)
        label = f"{name} ({len(values)} calls)"
        axis.plot(values, share, MARKERS[index], color=COLOURS[index], markersize=4.5, label=label)
    if note is not None:
        axis.axvline(note * 1000, color=GREY, linestyle="--", linewidth=1)
        axis.text(note * 1000, 2, " hedge_after", fontsize=8.5, color=INK, rotation=90, va="bottom", ha="right")
    axis.set_xlabel("milliseconds until the first text")
    axis.set_ylabel("calls answered by then, %")
    axis.set_xlim(left=0)
    axis.set_ylim(0, 104)
    axis.grid(color=FAINT, linewidth=0.6)
    axis.legend(frameon=False, fontsize=9, loc="lower right")
    _show(figure, f"Curves: share of calls answered over time for {' and '.join(samples)}.")


# --- embeddings -------------------------------------------------------------------------------------------------------


def pca(vectors: Any) -> tuple[np.ndarray, np.ndarray]:
    """Points in the two directions of most variance, and the share of variance each direction holds."""
    table = np.asarray(vectors, dtype=float)
    table = table - table.mean(axis=0)
    left, sizes, _ = np.linalg.svd(table, full_matrices=False)
    points = left[:, :2] * sizes[:2]
    # A direction has no sign of its own: the point farthest out decides it, so that the picture does not flip.
    points *= np.sign(points[np.abs(points).argmax(axis=0), [0, 1]])
    return points, (sizes**2 / (sizes**2).sum())[:2]


def embedding_map(
    documents: Mapping[str, Any],
    queries: Mapping[str, Any],
    nearest: Mapping[str, str] | None = None,
    groups: Mapping[str, str] | None = None,
    title: str = "Documents and queries by their embeddings",
) -> None:
    """Documents and queries (``label: vector``) on a plane; a line joins each query to its ``nearest`` document."""
    labels, asked = list(documents), list(queries)
    points, share = pca([*documents.values(), *queries.values()])
    where = dict(zip([*labels, *asked], points, strict=True))
    figure, axis = _axes(4.6)
    _title(axis, title)
    groups = groups or {}
    kinds = list(dict.fromkeys(groups.get(label, "documents") for label in labels))
    for query, document in (nearest or {}).items():
        (x0, y0), (x1, y1) = where[query], where[document]
        axis.plot([x0, x1], [y0, y1], color=GREY, linewidth=1, linestyle=":", zorder=1)
    for index, kind in enumerate(kinds):
        here = np.array([where[label] for label in labels if groups.get(label, "documents") == kind])
        axis.scatter(here[:, 0], here[:, 1], s=52, color=COLOURS[index], marker=MARKERS[index], label=kind, zorder=2)
    there = np.array([where[label] for label in asked])
    axis.scatter(there[:, 0], there[:, 1], s=120, color=INK, marker="*", label="queries", zorder=3)
    _labels(figure, axis, where)
    axis.set_xlabel(f"first direction ({share[0]:.0%} of the variance)")
    axis.set_ylabel(f"second direction ({share[1]:.0%})")
    axis.margins(0.12)
    axis.grid(color=FAINT, linewidth=0.6)
    figure.legend(loc="outside lower center", frameon=False, fontsize=9, ncols=len(kinds) + 1)
    _show(figure, f"Points: {len(labels)} documents and {len(asked)} queries; near means similar.")


def _labels(figure: Figure, axis: Any, where: Mapping[str, Any]) -> None:
    """Write each label beside its point, on the side where it covers nothing."""
    axis.margins(0.12)
    figure.draw_without_rendering()
    taken: list[Any] = []
    frame = axis.get_window_extent()
    dots = axis.transData.transform(np.array(list(where.values())))
    for label, point in where.items():
        best, least = None, float("inf")
        for dx, dy, ha, va in (
            (8, 0, "left", "center"),
            (-8, 0, "right", "center"),
            (0, 8, "center", "bottom"),
            (0, -8, "center", "top"),
            (7, 7, "left", "bottom"),
            (-7, 7, "right", "bottom"),
            (7, -7, "left", "top"),
            (-7, -7, "right", "top"),
        ):
            text = axis.annotate(
                label,
                point,
                xytext=(dx, dy),
                textcoords="offset points",
                ha=ha,
                va=va,
                fontsize=8.5,
                color=INK,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8},
            )
            box = text.get_window_extent()
            cost = 10.0 * sum(box.overlaps(other) for other in taken)
            cost += 4.0 * sum(box.contains(x, y) for x, y in dots)
            cost += 20.0 * (box.x0 < frame.x0 or box.x1 > frame.x1 or box.y0 < frame.y0 or box.y1 > frame.y1)
            if cost < least:
                if best is not None:
                    best.remove()
                best, least = text, cost
            else:
                text.remove()
        assert best is not None
        taken.append(best.get_window_extent())
