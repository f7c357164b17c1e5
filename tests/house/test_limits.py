"""Files, classes and functions stay short enough to read, and no modules import each other in a circle.

Something new that is too long is split; a name goes on the list of exceptions only with a reason why it must be long.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.house.limits import CLASS, FILE, FUNCTION, Exceeding, circles, exceeding, imports, sources

DATA = "generated: a table of data"
SETTINGS = "one argument and one line for each setting of a framework's constructor"

EXCEPTIONS: dict[str, str] = {
    "haystack_integrations/components/audio/requesty/transcriber.py::RequestyTranscriber.__init__": SETTINGS,
    "haystack_integrations/components/embedders/requesty/document_embedder.py::RequestyDocumentEmbedder.__init__": SETTINGS,  # noqa: E501
    "haystack_integrations/components/embedders/requesty/text_embedder.py::RequestyTextEmbedder.__init__": SETTINGS,
    "haystack_integrations/components/generators/requesty/chat_generator.py::RequestyChatGenerator": SETTINGS,
    "haystack_integrations/components/generators/requesty/chat_generator.py::RequestyChatGenerator.__init__": SETTINGS,
    "haystack_integrations/components/generators/requesty/image_generator.py::RequestyImageGenerator.__init__": SETTINGS,  # noqa: E501
    "langchain_requesty/data/_profiles.py": DATA,
    "requesty_cli/app.py::chat": "one argument and one line for each option of a command",
    "requesty_cli/app.py::models": "one argument and one line for each option of a command",
    "requesty_cli/bulk.py::bulk": "one argument and one line for each option of a command",
    "requesty_core/bulk/api.py::bulk_chat": "one argument, its lines and one more for each option of a run",
    "requesty_ray/datasets.py::bulk_chat": "one argument, its lines and one more for each option of a run",
    "requesty_core/calls/settings.py::ClientSettings.build": SETTINGS,
}


def differences(found: list[Exceeding], exceptions: dict[str, str]) -> list[str]:
    """What is too long without being excepted, and what is excepted without being too long."""
    names = {one.name for one in found}
    stale = sorted(exceptions.keys() - names)
    return [
        *(f"{one}: split it" for one in found if one.name not in exceptions),
        *(f"{name} keeps the limits now: take it off the list of exceptions" for name in stale),
    ]


def test_files_classes_and_functions_keep_their_limits() -> None:
    assert differences(list(exceeding(sources())), EXCEPTIONS) == []


def test_every_exception_has_a_reason() -> None:
    assert [name for name, reason in EXCEPTIONS.items() if not reason.strip()] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(imports(sources())) == []


# --- the rules themselves ---------------------------------------------------------------------------------------------


def lines(count: int, indent: str = "    ") -> str:
    return f"{indent}x = 1\n" * count


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x = 1\n" * FILE, []),
        ("x = 1\n" * (FILE + 1), [("a.py", FILE + 1)]),
        ("def f():\n" + lines(FUNCTION - 1), []),
        ("def f():\n" + lines(FUNCTION), [("a.py::f", FUNCTION + 1)]),
        ("async def f():\n" + lines(FUNCTION), [("a.py::f", FUNCTION + 1)]),
        ("@d\ndef f():\n" + lines(FUNCTION - 1), [("a.py::f", FUNCTION + 1)]),
        ("if x:\n    def f():\n" + lines(FUNCTION, " " * 8), [("a.py::f", FUNCTION + 1)]),
        ("class A:\n" + lines(CLASS - 1), []),
        ("class A:\n" + lines(CLASS), [("a.py::A", CLASS + 1)]),
        ("class A:\n    def f(self):\n" + lines(FUNCTION, " " * 8), [("a.py::A.f", FUNCTION + 1)]),
        (
            "def f():\n    def g():\n" + lines(FUNCTION, " " * 8),
            [("a.py::f", FUNCTION + 2), ("a.py::f.g", FUNCTION + 1)],
        ),
    ],
)
def test_what_is_too_long(text: str, found: list[tuple[str, int]]) -> None:
    assert [(one.name, one.lines) for one in exceeding({"a.py": text})] == found


def test_a_stale_exception_and_a_new_offender_are_told() -> None:
    told = differences([Exceeding("a.py", 351, 350)], {"b.py": "a reason"})
    assert told == [
        "a.py has 351 lines, the limit is 350: split it",
        "b.py keeps the limits now: take it off the list of exceptions",
    ]


BOTH = [["p.a", "p.b"]]
PACKAGE = {"p/__init__.py": "", "p/a.py": "", "p/b.py": "", "p/q/__init__.py": "", "p/q/c.py": ""}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"p/a.py": "from .b import x\n"}, []),
        ({"p/a.py": "from .b import x\n", "p/b.py": "from .a import y\n"}, BOTH),
        ({"p/a.py": "from . import b\n", "p/b.py": "import p.a\n"}, BOTH),
        ({"p/a.py": "from p import b\n", "p/b.py": "from p.a import y as z\n"}, BOTH),
        ({"p/a.py": "from .q.c import x\n", "p/q/c.py": "from ..a import y\n"}, [["p.a", "p.q.c"]]),
        ({"p/__init__.py": "from .a import x\n", "p/a.py": "from . import x\n"}, [["p", "p.a"]]),
        ({"p/__init__.py": "from .a import x\n", "p/a.py": "from . import b\n"}, []),
        (
            {"p/a.py": "from .b import x\n", "p/b.py": "from .q import x\n", "p/q/__init__.py": "from ..a import x\n"},
            [["p.a", "p.b", "p.q"]],
        ),
        ({"p/a.py": "try:\n    from .b import x\nexcept ImportError:\n    pass\n", "p/b.py": "import p.a\n"}, BOTH),
        ({"p/a.py": "try:\n    pass\nexcept E:\n    import p.b\n", "p/b.py": "class A:\n    import p.a\n"}, BOTH),
        ({"p/a.py": "from .b import x\n", "p/b.py": "if TYPE_CHECKING:\n    from .a import y\n"}, []),
        ({"p/a.py": "from .b import x\n", "p/b.py": "if TYPE_CHECKING:\n    pass\nelse:\n    import p.a\n"}, BOTH),
        ({"p/a.py": "from .b import x\n", "p/b.py": "def f():\n    from .a import y\n"}, []),
        ({"p/a.py": "import os\nfrom .b import x\n", "p/b.py": "import os.path\n"}, []),
    ],
)
def test_what_a_circle_is(changes: dict[str, str], expected: list[Any]) -> None:
    assert circles(imports({**PACKAGE, **changes})) == expected
