"""Two processes of one operator would sign beside each other."""

from pathlib import Path

import pytest

from oracle.errors import RefusedError
from oracle.operator.run import alone


def test_alone__folder_in_use__second_one_refused_until_the_first_ends(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with alone(home), pytest.raises(RefusedError, match="runs on"), alone(home):
        pass
    with alone(home):
        pass
