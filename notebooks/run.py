"""Run the notebooks top to bottom against the emulator and keep their outputs.

``python notebooks/run.py [NAME ...]`` writes the outputs into the notebooks, ``--check`` runs copies and compares them
with what is committed. What is written repeats: no times, no paths, no random ids. Cells whose output holds measured
times carry the tag ``timing`` and are compared by the kind of their output only.
"""

from __future__ import annotations

import argparse
import copy
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

HERE = Path(__file__).resolve().parent
TIMING = "timing"
CELL_SECONDS = 90
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}
# A directory of this machine, an ANSI escape: neither belongs into a notebook that others read.
PATHS = re.compile(r"(?<![\w.:/])/(?:home|root|tmp|work|usr|opt|var|Users|private)/[\w./-]+|\b[A-Z]:\\+Users\b")
ANSI = re.compile(r"\x1b\[|\r(?!\n)")


class RunError(Exception):
    """A notebook that does not run; the text is one line that names notebook and cell."""


class _ThisPython(KernelSpecManager):
    """Knows one kernel: the interpreter that runs this script, whatever the machine has registered."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


class _Kernel(AsyncKernelManager):
    """A kernel of this Python that keeps its files to a directory of its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        runtime = tempfile.mkdtemp(prefix="k", dir=_scratch().name)
        self.kernel_spec_manager = _ThisPython()
        self.connection_file = str(Path(runtime, "kernel.json"))
        if os.name == "posix":
            # Sockets in that directory: notebooks that run side by side cannot take each other's ports.
            self.transport = "ipc"
            self.ip = str(Path(runtime, "k"))


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    """Where IPython, Jupyter and matplotlib keep what they would write into the user's home; gone at exit."""
    folder = tempfile.TemporaryDirectory(prefix="notebooks-")
    # matplotlib lists the machine's fonts on its first use; done once here, the kernels find the list.
    fonts = [sys.executable, "-c", "import matplotlib.font_manager"]
    subprocess.run(fonts, env={**os.environ, "MPLCONFIGDIR": folder.name}, check=True)
    return folder


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    folder = _scratch().name
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("REQUESTY_")},
        "IPYTHONDIR": folder,
        "JUPYTER_CONFIG_DIR": folder,
        "JUPYTER_DATA_DIR": folder,
        "JUPYTER_RUNTIME_DIR": folder,
        "JUPYTER_NO_CONFIG": "1",
        "MPLCONFIGDIR": folder,
        "HAYSTACK_TELEMETRY_ENABLED": "false",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "PYTHONHASHSEED": "0",
        **more,
    }


def execute(notebook: Any, name: str, env: Mapping[str, str] | None = None) -> Any:
    """A copy of the notebook with fresh outputs, run in this folder.

    Settings of the gateway in the caller's environment are not passed on; ``env`` adds variables. Raises
    :class:`RunError` for a cell that fails or does not end.
    """
    fresh = copy.deepcopy(notebook)
    client = NotebookClient(
        fresh,
        kernel_manager_class=_Kernel,
        kernel_name="python3",
        timeout=CELL_SECONDS,
        resources={"metadata": {"path": str(HERE)}},
        record_timing=False,
        coalesce_streams=True,
        shutdown_kernel="immediate",
    )
    try:
        client.execute(env=_environment(env or {}))
    except CellExecutionError as error:
        raise RunError(
            f"{name}: cell {_failed_cell(fresh)} raised {error.ename}: {_first_line(error.evalue)}"
        ) from None
    except CellTimeoutError:
        raise RunError(f"{name}: a cell did not end within {CELL_SECONDS} seconds") from None
    except DeadKernelError:
        raise RunError(f"{name}: the kernel died") from None
    return normalised(fresh)


def _failed_cell(notebook: Any) -> int | str:
    for index, cell in enumerate(notebook.cells, 1):
        if any(output["output_type"] == "error" for output in cell.get("outputs", ())):
            return index
    return "?"


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0][:200]


def normalised(notebook: Any) -> Any:
    """The notebook without what differs from run to run or from machine to machine."""
    notebook = copy.deepcopy(notebook)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": LANGUAGE})
    for number, cell in enumerate(notebook.cells, 1):
        cell["id"] = f"cell-{number:02d}"
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": sorted(tags)} if tags else {})
        cell.source = "\n".join(line.rstrip() for line in cell.source.strip("\n").splitlines())
        for output in cell.get("outputs", ()):
            output.pop("transient", None)
    return notebook


def problems(notebook: Any, name: str) -> list[str]:
    """One line for everything in the outputs that a reader should not meet: errors, warnings, paths, escapes."""
    found = []
    for number, cell in _code(notebook):
        where = f"{name}: cell {number}"
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"{where} shows {output.ename}: {_first_line(output.evalue)}")
            elif output.output_type == "stream" and output.name == "stderr":
                found.append(f"{where} writes to stderr: {_first_line(output.text)}")
        text = "\n".join(line for _, line in _texts(cell))
        if match := PATHS.search(text):
            found.append(f"{where} shows a path of this machine: {match.group()}")
        if ANSI.search(text):
            found.append(f"{where} has terminal escapes in its output")
    return found


def differences(committed: Any, fresh: Any, name: str) -> list[str]:
    """One line for every cell whose output is no longer the committed one."""
    if [cell.source for cell in committed.cells] != [cell.source for cell in fresh.cells]:
        return [f"{name}: the cells are not normalised; run notebooks/run.py {name}"]
    found = []
    for (number, old), (_, new) in zip(_code(committed), _code(fresh), strict=True):
        timing = TIMING in new.metadata.get("tags", ())
        before, now = (_kinds(old), _kinds(new)) if timing else (_texts(old), _texts(new))
        if before != now:
            pairs = enumerate(zip(before, now, strict=False))
            at = next((i for i, (a, b) in pairs if a != b), min(len(before), len(now)))
            was, got = (_shown(lines, at) for lines in (before, now))
            found.append(f"{name}: cell {number}: committed {was}, now {got}")
    return found


def _code(notebook: Any) -> list[tuple[int, Any]]:
    return [(number, cell) for number, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"]


def _kinds(cell: Any) -> list[str]:
    """What kinds of output a cell has, repeated ones once."""
    kinds = [
        output.name if output.output_type == "stream" else "+".join(sorted(output.get("data", {output.output_type: 0})))
        for output in cell.outputs
    ]
    return list(dict.fromkeys(kinds))


def _texts(cell: Any) -> list[tuple[str, str]]:
    """The lines of a cell's outputs, each with its kind; of a picture, the words that stand in for it."""
    lines = []
    for output, kind in ((output, output.output_type) for output in cell.outputs):
        if kind == "stream":
            text = output.text
        elif kind == "error":
            text = f"{output.ename}: {output.evalue}"
        else:
            text = output.data.get("text/plain", "")
            kind = "+".join(sorted(output.data))
        lines += [(kind, line) for line in text.splitlines()]
    return lines


def _shown(lines: Sequence[Any], at: int) -> str:
    if at >= len(lines):
        return "nothing more"
    line = lines[at] if isinstance(lines[at], str) else lines[at][1]
    return repr(line if len(line) <= 120 else line[:117] + "...")


def read(path: Path) -> Any:
    """The notebook in a file."""
    return nbformat.read(path, as_version=4)


def write(notebook: Any, path: Path) -> None:
    """Put a notebook into its file, whole or not at all."""
    nbformat.validate(notebook)
    part = path.with_suffix(".part")
    part.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    part.replace(path)


def run(path: Path, *, check: bool) -> list[str]:
    """Run one notebook; write it, or compare it. Returns one line for everything that is wrong."""
    committed = read(path)
    try:
        fresh = execute(committed, path.name)
    except RunError as error:
        return [str(error)]
    wrong = problems(fresh, path.name)
    if check:
        return wrong + differences(committed, fresh, path.name)
    if not wrong:
        write(fresh, path)
    return wrong


def main(arguments: Sequence[str] | None = None, folder: Path = HERE) -> int:
    """The command; returns 1 if a notebook fails or differs."""
    known = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
    parser = argparse.ArgumentParser(prog="run.py", description="Run the notebooks against the emulator.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(known)}; default: all")
    parser.add_argument("--check", action="store_true", help="compare with the committed outputs; write nothing")
    given = parser.parse_args(arguments)
    names = [Path(name).stem for name in given.names] or list(known)
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no notebook {unknown[0]!r}; there are {', '.join(known)}")
    failed = False
    for name in names:
        wrong = run(known[name], check=given.check)
        failed = failed or bool(wrong)
        for line in wrong or [f"{name}.ipynb: {'as committed' if given.check else 'written'}"]:
            print(line, flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
