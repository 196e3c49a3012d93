"""What `operator check` says of the number of operators that must sign."""

from types import SimpleNamespace
from typing import Any

import pytest

from oracle.operator.checks_of_chain import CHAIN_CHECKS


def said(operators: int, needed: int) -> list[str]:
    who = [f"0x{n:040x}" for n in range(operators)]
    reader = SimpleNamespace(
        operators=lambda: who,
        state=lambda: {"last_announced": 3, "head": 1},
        members=lambda number: who,
        signers=lambda number: who,
        needed=lambda number: needed,
    )
    look: Any = SimpleNamespace(chain=reader, address=who[0])
    return [f"{found.level}: {found.text}" for found in dict(CHAIN_CHECKS)["role"](look)]


@pytest.mark.parametrize(("operators", "needed"), [(4, 3), (5, 4), (7, 5), (1, 1)])
def test_role__liars_that_are_borne_cannot_divide_the_others__no_warning(
    operators: int, needed: int
) -> None:
    assert len(said(operators, needed)) == 1


@pytest.mark.parametrize(("operators", "needed"), [(3, 2), (5, 3), (7, 4), (6, 4)])
def test_role__fewer_liars_than_may_be_down_could_divide_the_others__warns(
    operators: int, needed: int
) -> None:
    (warning,) = said(operators, needed)[1:]
    assert "fewer liars could divide the others" in warning
