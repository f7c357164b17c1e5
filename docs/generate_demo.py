"""Draw ``docs/assets/demo.svg`` from a run of ``make demo``; ``--check`` compares all but what is measured."""

from __future__ import annotations

import html
import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

TARGET = Path(__file__).with_name("assets") / "demo.svg"
COLUMNS = 92
# Rich's own frame without its web font: the picture loads nothing from elsewhere.
FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img" \
aria-label="What make demo prints">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; \
font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def run() -> str:
    """What the demo prints in a terminal of that width."""
    command = str(Path(sys.executable).with_name("requesty-adapters"))
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "LINES")}
    environment |= {"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    return subprocess.run([command, "demo"], env=environment, capture_output=True, text=True, check=True).stdout


def draw(printed: str) -> str:
    """The picture."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text("$ make demo\n", style="bold"))
    console.print(Text.from_ansi(re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8765", printed)))
    return console.export_svg(title="make demo", theme=MONOKAI, code_format=FRAME, unique_id="demo")


def told(svg: str) -> str:
    """The words of a picture, without the times that were measured."""
    text = html.unescape(" ".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg)))
    # A time of more digits makes its column wider, and with it the rule.
    return " ".join(re.sub(r"─+", "─", re.sub(r"\s*\d+ ms", " N ms", text.replace("\xa0", " "))).split())


def main() -> int:
    """Draw the picture, or with --check compare it."""
    svg = draw(run())
    if "--check" in sys.argv[1:]:
        # Where a measured time is longer than usual, columns are narrower and lines break elsewhere.
        for _ in range(3):
            if TARGET.exists() and told(TARGET.read_text(encoding="utf-8")) == told(svg):
                return 0
            svg = draw(run())
        print("docs/assets/demo.svg is stale; run: python docs/generate_demo.py", file=sys.stderr)
        return 1
    TARGET.write_text(svg, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
