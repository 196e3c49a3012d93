"""A few faults on real processes; ``make faults`` plays all of them."""

from collections.abc import Iterator

import pytest
from fault_net import FaultNet
from fault_rounds import Fault, FaultWorld
from faults_of_operators import Crashed, Killed, Lying
from lying_operator import Lies

from oracle.operator.failpoints import Failpoint

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("faults")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultWorld]:
    """One net for all tests here, each of which leaves it whole."""
    net = FaultNet.in_folder(tmp_path_factory.mktemp("net"))
    try:
        net.start()
        made = FaultWorld(net)
        made.settle_in()
        yield made
    finally:
        net.stop()


class NeverThere(Killed):
    """A failpoint that no round comes to."""

    def __init__(self) -> None:
        super().__init__(Failpoint.CONFIRM_SIGNED)


def test_play__nothing_goes_wrong__settles_as_the_reference_does(world: FaultWorld):
    outcome = world.play(Fault())
    assert outcome.passed, outcome.text
    assert world.reference.pool.head == world.number + 1


@pytest.mark.parametrize(
    "fault",
    [Crashed(), Killed(Failpoint.COMMIT_RESERVED), Lying(Lies.WRONG_ROOT)],
    ids=lambda fault: fault.name,
)
def test_play__one_operator_fails__settles_all_the_same(world: FaultWorld, fault: Fault):
    outcome = world.play(fault)
    assert outcome.passed, outcome.text


def test_play__fault_that_never_happens__fails(world: FaultWorld):
    outcome = world.play(NeverThere())
    assert not outcome.passed
    assert outcome.text.endswith("never came to confirm-signed")
