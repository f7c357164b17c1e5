"""The notebooks run, show what is committed, and run against a gateway that is not theirs when they are told so."""

from __future__ import annotations

import ast
import base64
import copy
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest

from requesty_emulator import GatewayEmulator

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = (
    "bulk",
    "cost_and_budgets",
    "fallback_and_hedging",
    "haystack",
    "langchain",
    "llama_index",
    "openai_sdk",
    "pydantic_ai",
    "rag_comparison",
)
SWITCH = "live-switch"
MOST_BYTES = 400_000

each = pytest.mark.parametrize("name", NAMES)


def _runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notebooks_run", FOLDER / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


runner = _runner()


def notebook(name: str) -> Any:
    return runner.read(FOLDER / f"{name}.ipynb")


def code(book: Any) -> list[Any]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def outputs(book: Any) -> list[Any]:
    return [output for cell in code(book) for output in cell.outputs]


def pictures(book: Any) -> list[str]:
    return [output.data["image/png"] for output in outputs(book) if "image/png" in output.get("data", {})]


def switch(book: Any) -> Any:
    (cell,) = [cell for cell in code(book) if SWITCH in cell.metadata.get("tags", ())]
    return cell


# --- they run ---------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
@each
def test_a_fresh_run_shows_what_is_committed(name: str) -> None:
    assert runner.run(FOLDER / f"{name}.ipynb", check=True) == []


@pytest.mark.timeout(300)
@each
def test_live_no_cell_needs_the_emulator_of_its_own(name: str) -> None:
    """The switch set to live, and an emulator in this process as the gateway of the environment."""
    book = notebook(name)
    switch(book).source = switch(book).source.replace("LIVE = False", "LIVE = True", 1)
    with GatewayEmulator(seed=1) as stand_in:
        env = {"REQUESTY_BASE_URL": stand_in.base_url, "REQUESTY_API_KEY": stand_in.api_key}
        fresh = runner.execute(book, name, env)
        asked = list(stand_in.chat_requests)
    assert not runner.problems(fresh, name)
    assert len(asked) >= 5
    assert {request.headers["authorization"] for request in asked} == {f"Bearer {stand_in.api_key}"}
    assert len(pictures(fresh)) == len(pictures(notebook(name)))


# --- what is committed ------------------------------------------------------------------------------------------------


def test_these_are_the_notebooks() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == list(NAMES)
    told = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\]\((\w+)\.ipynb\)", told)) == list(NAMES)


@each
def test_it_is_committed_with_the_outputs_of_one_run(name: str) -> None:
    book = notebook(name)
    nbformat.validate(book)
    assert [cell.execution_count for cell in code(book)] == list(range(1, len(code(book)) + 1))
    assert not runner.problems(book, name)
    assert any(output.output_type == "stream" for output in outputs(book))
    for cell in code(book):
        if runner.TIMING in cell.metadata.get("tags", ()):
            assert cell.outputs, f"a timing cell without output compares nothing:\n{cell.source}"


@each
def test_it_shows_pictures_that_are_pictures(name: str) -> None:
    shown = pictures(notebook(name))
    assert shown
    for picture in shown:
        assert base64.b64decode(picture).startswith(b"\x89PNG\r\n")
    for output in outputs(notebook(name)):
        if "image/png" in output.get("data", {}):
            assert output.metadata["image/png"]["alt"] == output.data["text/plain"] != ""


@each
def test_it_has_one_cell_to_go_live_and_all_else_is_guarded(name: str) -> None:
    book = notebook(name)
    assert [cell for cell in code(book) if re.search(r"^\s*LIVE\s*=", cell.source, re.M)] == [switch(book)]
    assert re.search(r"^LIVE = False\b", switch(book).source, re.M)
    for cell in code(book):
        if cell is not switch(book):
            assert unguarded(cell.source) == []


@each
def test_it_holds_nothing_that_changes_from_run_to_run(name: str) -> None:
    book = notebook(name)
    assert runner.normalised(book) == book
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    assert text == nbformat.writes(book) + "\n"
    assert len(text.encode()) < MOST_BYTES
    words = "\n".join(cell.source for cell in book.cells)
    assert not runner.PATHS.search(words)
    assert "127.0.0.1" not in words


def unguarded(source: str) -> list[str]:
    """Names of the emulator that a cell uses outside ``if not LIVE:``."""
    found: list[str] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "not LIVE":
            for other in node.orelse:
                visit(other)
            return
        if isinstance(node, ast.Name) and node.id in ("gateway", "GatewayEmulator"):
            found.append(node.id)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("requesty_emulator"):
            found.append(node.module or "")
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(compile(source, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
    return found


# --- the runner -------------------------------------------------------------------------------------------------------


def small(*sources: str, tags: tuple[str, ...] = ()) -> Any:
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)} if tags else {}) for source in sources]
    return runner.normalised(nbformat.v4.new_notebook(cells=cells))


def saved(folder: Path, book: Any) -> Path:
    path = folder / "small.ipynb"
    runner.write(book, path)
    return path


def test_the_command_writes_and_then_finds_nothing_to_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path, small("print(6 * 7)", "print('Tür')"))
    assert runner.main(["--check"], tmp_path) == 1
    assert capsys.readouterr().out == (
        "small.ipynb: cell 1: committed nothing more, now '42'\n"
        "small.ipynb: cell 2: committed nothing more, now 'Tür'\n"
    )
    assert runner.main(["small"], tmp_path) == 0
    written = path.read_bytes()
    assert [cell.execution_count for cell in runner.read(path).cells] == [1, 2]
    assert runner.main(["small.ipynb", "--check"], tmp_path) == 0
    assert path.read_bytes() == written
    assert capsys.readouterr().out == "small.ipynb: written\nsmall.ipynb: as committed\n"


def test_another_output_is_one_line_and_other_times_are_none() -> None:
    book = small("print('a')\nprint('b')", "print('12 ms')", tags=(runner.TIMING,))
    plain = small("print('a')\nprint('b')")
    for cell, text in ((book.cells[0], "a\nb\n"), (book.cells[1], "12 ms\n"), (plain.cells[0], "a\nb\n")):
        cell.outputs = [nbformat.v4.new_output("stream", text=text)]
    later, changed, silent = copy.deepcopy(book), copy.deepcopy(plain), copy.deepcopy(book)
    later.cells[1].outputs[0].text = "13 ms\n"
    changed.cells[0].outputs[0].text = "a\nc\n"
    silent.cells[1].outputs = []
    assert runner.differences(book, later, "n") == []
    assert runner.differences(plain, changed, "n") == ["n: cell 1: committed 'b', now 'c'"]
    assert runner.differences(book, silent, "n") == ["n: cell 2: committed 'stdout', now nothing more"]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("x = 1\n1 / 0", "small.ipynb: cell 1 raised ZeroDivisionError: division by zero"),
        ("import warnings\nwarnings.warn('old')", "small.ipynb: cell 1 writes to stderr"),
        ("print('/' + 'home/someone/file.txt')", "small.ipynb: cell 1 shows a path of this machine: /home/someone"),
        ("print(chr(27) + '[31mred')", "small.ipynb: cell 1 has terminal escapes in its output"),
    ],
)
def test_what_no_reader_should_meet_is_not_written(tmp_path: Path, source: str, told: str) -> None:
    path = saved(tmp_path, small(source))
    before = path.read_bytes()
    wrong = runner.run(path, check=False)
    assert wrong[0].startswith(told)
    assert path.read_bytes() == before


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved(tmp_path, small("1"))
    with pytest.raises(SystemExit) as stopped:
        runner.main(["smal"], tmp_path)
    assert stopped.value.code == 2
    assert "no notebook 'smal'; there are small" in capsys.readouterr().err


def test_a_kernel_is_this_python_and_leaves_the_home_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("REQUESTY_API_KEY", "key-of-the-caller")
    source = "import os, sys\nprint(sys.executable == os.environ['WANTED'], os.environ.get('REQUESTY_API_KEY'))"
    fresh = runner.execute(small(source), "small", {"WANTED": sys.executable})
    assert fresh.cells[0].outputs[0].text == "True None\n"
    assert list(tmp_path.iterdir()) == []


def test_the_guard_sees_what_is_not_guarded() -> None:
    assert unguarded("if not LIVE:\n    gateway.fail_next(503)\nawait run()") == []
    assert unguarded("if LIVE:\n    pass\ngateway.fail_next(503)") == ["gateway"]
    assert unguarded("from requesty_emulator import Fault") == ["requesty_emulator"]
