"""Nothing that a test does is kept in the user's own cache folder, nor read from it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTY_CACHE_DIR", str(tmp_path_factory.mktemp("requesty-cache")))
        yield
