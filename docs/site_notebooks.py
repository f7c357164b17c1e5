"""The notebooks as pages of the site: their text, code, outputs and pictures."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
LINK = re.compile(r"\]\((?:\.\./)?notebooks/(\w+)\.ipynb\)")


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add a page for each notebook."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        pictures: dict[str, bytes] = {}
        text = "\n\n".join(part for cell in notebook.cells for part in _parts(cell, path.stem, pictures))
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=text + "\n"))
        for name, data in pictures.items():
            files.append(File.generated(config, f"notebooks/{name}", content=data))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to notebooks in the repository lead to their pages on the site."""
    return LINK.sub(r"](notebooks/\1.md)", markdown)


def _parts(cell: Any, stem: str, pictures: dict[str, bytes]) -> Iterator[str]:
    if cell.cell_type == "markdown":
        yield cell.source
        return
    yield f"```python\n{cell.source}\n```"
    for output in cell.outputs:
        data = output.get("data", {})
        if "image/png" in data:
            name = f"{stem}_{len(pictures) + 1}.png"
            pictures[name] = base64.b64decode(data["image/png"])
            yield f"![{_alternative(data)}]({name})"
        elif text := output.get("text") or data.get("text/plain"):
            yield f'```text title="Output"\n{text.rstrip()}\n```'


def _alternative(data: Any) -> str:
    text = data.get("text/plain", "")
    return "Plot" if not text or text.startswith("<") else text
