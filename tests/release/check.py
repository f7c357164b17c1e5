"""The built packages in clean environments: every extra alone, on every Python there is. Run: ``make release-check``.

Builds sdist and wheel, looks at what is in them, and for each extra installs the wheel where nothing else is, imports
the extra's package and makes one call against an emulator that runs here. ``PYTHONS`` names interpreters to use.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from requesty_emulator import GatewayEmulator

ROOT = Path(__file__).parents[2]
FRAMEWORKS = ("langchain_core", "llama_index.core", "haystack", "pydantic_ai", "openai")

# extra, the frameworks it may bring, and a call
CASES = {
    "": ((), "from requesty_core import RequestyClient as C\nprint(C().chat(model=M, messages=U).text)"),
    "langchain": (
        ("langchain_core",),
        "from langchain_requesty import ChatRequesty as C\nprint(C(model=M).invoke('hi').text)",
    ),
    "llama-index": (
        ("llama_index.core",),
        "from llama_index.llms.requesty import Requesty as C\nprint(C(M).complete('hi').text)",
    ),
    "haystack": (
        ("haystack", "openai"),
        "from haystack_integrations.components.generators.requesty import RequestyChatGenerator as C\n"
        "print(C(model=M).run('hi')['replies'][0].text)",
    ),
    "pydantic-ai": (
        ("pydantic_ai", "openai"),
        "from pydantic_ai import Agent\nfrom pydantic_ai_requesty import RequestyModel as C\n"
        "print(Agent(C(M)).run_sync('hi').output)",
    ),
    "openai": (
        ("openai",),
        "from openai_requesty import RequestyOpenAI as C\n"
        "print(C().chat.completions.create(model=M, messages=U).choices[0].message.content)",
    ),
    "emulator": (
        (),
        "from requesty_emulator import GatewayEmulator\nfrom requesty_core import RequestyClient as C\n"
        "with GatewayEmulator() as g:\n"
        "    print(C(base_url=g.base_url, api_key=g.api_key).chat(model=M, messages=U).text)",
    ),
    "cli": (
        (),
        "import subprocess, sys, pathlib\n"
        "command = pathlib.Path(sys.executable).with_name('requesty-adapters')\n"
        "subprocess.run([str(command), 'chat', 'hi'], check=True)",
    ),
}
# What an import says where only the core is.
MISSING = """
import importlib
for module, extra in {
    "langchain_requesty": "langchain",
    "llama_index.llms.requesty": "llama-index",
    "llama_index.embeddings.requesty": "llama-index",
    "haystack_integrations.components.generators.requesty": "haystack",
    "haystack_integrations.components.embedders.requesty": "haystack",
    "pydantic_ai_requesty": "pydantic-ai",
    "openai_requesty": "openai",
}.items():
    try:
        importlib.import_module(module)
    except ImportError as error:
        assert f"pip install 'requesty-adapters[{extra}]'" in str(error), error
    else:
        raise AssertionError(module)
try:
    from requesty_emulator import GatewayEmulator
except ImportError as error:
    assert "[emulator]" in str(error), error
"""
HEAD = "M = 'openai/gpt-4o-mini'\nU = [{'role': 'user', 'content': 'hi'}]\n"
ALONE = """
import importlib.util
def there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
extra = [name for name in {others!r} if there(name)]
assert not extra, f"also installed: {{extra}}"
"""


def run(*command: str, **more: object) -> None:
    """A command that must succeed; its output only if it does not."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload]
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def build(folder: Path) -> Path:
    """The wheel, after looking at its contents."""
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    expected = {path.name for path in (ROOT / "integrations").iterdir() if path.is_dir()}
    assert tops == {name for name in expected if not name.startswith(".")}, tops
    assert not [name for name in names if "__pycache__" in name or ".mypy_cache" in name or name.endswith(".pyc")]
    for leaf in ("llama_index", "haystack_integrations"):
        assert f"{leaf}/__init__.py" not in names, "it would hide the framework's own package"
    print(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size // 1024} KiB")
    return wheel


def main() -> int:
    """Check them all."""
    pythons = os.environ.get("PYTHONS", sys.executable).split()
    with tempfile.TemporaryDirectory() as name, GatewayEmulator() as gateway:
        folder = Path(name)
        wheel = build(folder)
        place = {"REQUESTY_BASE_URL": gateway.base_url, "REQUESTY_API_KEY": gateway.api_key}
        environment = {**os.environ, **place, "HAYSTACK_TELEMETRY_ENABLED": "false"}
        for python in pythons:
            for extra, (own, code) in CASES.items():
                where = folder / f"{Path(python).parts[-3]}-{extra or 'core'}"
                run(python, "-m", "venv", str(where))
                binary = str(where / "bin" / "python")
                wanted = f"{wheel}[{extra}]" if extra else str(wheel)
                run(binary, "-m", "pip", "install", "-q", "-c", str(ROOT / "constraints.txt"), wanted)
                if not extra:
                    run(binary, "-c", MISSING, cwd=str(where), env=environment)
                others = [framework for framework in FRAMEWORKS if framework not in own]
                run(binary, "-c", ALONE.format(others=others) + HEAD + code, cwd=str(where), env=environment)
                print(f"{python}: [{extra}] alone works", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
