"""What the server tells is held against what is so, each value of it."""

import pytest

from oracle.demo.reading_back import require_equal
from oracle.errors import DifferenceError, Exit

SO = {1: 250, 2: 0}


def test_require_equal__the_same__passes() -> None:
    require_equal("stakes", dict(SO), SO)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({1: 250, 2: 1}, "for 2 the server tells 1, chain and files say 0"),
        ({1: 250}, "for 2 the server tells None, chain and files say 0"),
        ({1: 250, 2: 0, 3: 7}, "for 3 the server tells 7, chain and files say None"),
    ],
    ids=["another", "left-out", "invented"],
)
def test_require_equal__a_value_that_is_not_so__named(told: dict[int, int], said: str) -> None:
    with pytest.raises(DifferenceError, match=said) as info:
        require_equal("stakes", told, SO)
    assert info.value.message.startswith("stakes: ")
    assert info.value.exit_code is Exit.DIFFERENT
