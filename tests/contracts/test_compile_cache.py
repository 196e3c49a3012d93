"""The cache of compiled contracts never answers with old code."""

from collections.abc import Iterator
from pathlib import Path

import boa
import pytest
from assay_system import ROOT
from compile_cache import keep_compiled

SOURCES = {
    "Top.vy": "import middle\n\n@external\ndef number() -> uint256:\n    return middle._number()\n",
    "middle.vy": "import bottom\n\ndef _number() -> uint256:\n    return bottom._number()\n",
    "bottom.vy": "def _number() -> uint256:\n    return 1\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name, source in SOURCES.items():
        (tmp_path / name).write_text(source)
    keep_compiled(tmp_path / "cache")
    yield tmp_path
    keep_compiled(ROOT / ".cache" / "boa")


@pytest.mark.parametrize("changed", ["middle.vy", "bottom.vy"])
def test_cache__an_import_changed_at_any_depth__is_compiled_anew(
    folder: Path, changed: str
) -> None:
    top = folder / "Top.vy"
    assert boa.load(str(top)).number() == 1
    (folder / changed).write_text("def _number() -> uint256:\n    return 2\n")
    assert boa.load(str(top)).number() == 2
