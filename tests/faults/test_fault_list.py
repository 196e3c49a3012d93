"""The list of faults leaves no place out at which a process can be killed."""

from collections.abc import Iterator

from fault_list import FAULTS
from fault_net import NetKind
from faults_of_challenges import KilledReporting
from faults_of_operators import Killed
from lying_operator import Lies

from oracle.operator.failpoints import Failpoint


def killed() -> Iterator[Killed]:
    for fault in FAULTS:
        if isinstance(fault, Killed):
            yield fault
        elif isinstance(fault, KilledReporting):
            yield fault.killed


def test_faults__every_failpoint__has_a_round_in_which_an_operator_dies_there() -> None:
    assert {fault.point for fault in killed()} == set(Failpoint)


def test_faults__all__have_a_name_of_their_own_that_fits_the_table() -> None:
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < 48
    assert {f"one operator: {lies}" for lies in Lies} <= set(names)


def test_faults__in_order__no_kind_of_net_is_started_twice_unless_it_was_spoilt() -> None:
    kinds: list[NetKind] = []
    for fault in FAULTS:
        if not kinds or fault.kind != kinds[-1]:
            kinds.append(fault.kind)
    assert len(set(kinds)) == len(kinds)
