"""A pytest plugin that leaves one driver in the conformance matrix, so that it runs where one framework is installed.

``CONFORMANCE_DRIVER=langchain python -m pytest -p tests.release.only_driver tests/conformance/test_matrix.py``
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

_WANTED = os.environ["CONFORMANCE_DRIVER"]

# Under the name that pytest gives the package, so that the tests find this module and not a second one. Where they do
# not, the drivers of the frameworks that are not installed fail to load.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
_matrix = importlib.import_module("conformance.matrix")
sys.path.pop(0)
_kept = tuple(entry for entry in _matrix._DRIVERS if entry[0] == _WANTED)
if not _kept:
    raise SystemExit(f"CONFORMANCE_DRIVER={_WANTED}: tests/conformance/matrix.py has no driver of that name")
_matrix._DRIVERS = _kept  # type: ignore[attr-defined]
