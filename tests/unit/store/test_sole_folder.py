"""Two processes of one operator would sign beside each other."""

from pathlib import Path

import pytest

from oracle.errors import RefusedError
from oracle.store.sole import sole_folder


def test_sole_folder__in_use__second_one_refused_until_the_first_ends(tmp_path: Path) -> None:
    lock = tmp_path / "home" / "operator.lock"
    with (
        sole_folder(lock, "an operator"),
        pytest.raises(RefusedError, match="an operator runs on"),
        sole_folder(lock, "an operator"),
    ):
        pass
    with sole_folder(lock, "an operator"):
        pass
