"""Operators that crash, stay away or lie."""

import signal

from fault_net import Member
from fault_rounds import Fault, FaultWorld
from lying_operator import Lies, LyingOperator

from oracle.operator.failpoints import Failpoint
from oracle.settlement.typed_data import Domain

ORDINARY = (
    Failpoint.INDEX_STORED,
    Failpoint.SUBMISSION_ADOPTED,
    Failpoint.EVALUATED,
    Failpoint.AGREED,
    Failpoint.FOLDER_WRITTEN,
    Failpoint.COMMIT_RESERVED,
    Failpoint.COMMIT_SIGNED,
    Failpoint.COMMIT_SHOWN,
    Failpoint.ATTESTATION_KEPT,
    Failpoint.QUORUM_REACHED,
    Failpoint.COMMIT_SENT,
    Failpoint.COMMIT_SEEN,
    Failpoint.DISCLOSED,
    Failpoint.DRAINED,
    Failpoint.BATCH_SETTLED,
    Failpoint.SETTLED,
    Failpoint.OUTBOX_SIGNED,
    Failpoint.OUTBOX_STORED,
    Failpoint.OUTBOX_BROADCAST,
    Failpoint.OUTBOX_MINED,
)
"""Places that the operator whose turn it is comes to in every round."""


class Killed(Fault):
    """kill -9 at a named place of the operator whose turn it is, and a restart."""

    def __init__(self, point: Failpoint) -> None:
        self.point, self.name = point, f"kill -9 at {point}"
        self.died = False

    def before(self, world: FaultWorld, number: int) -> None:
        self.died = False
        self.victim = world.net.leader(number)
        world.net.arm(self.victim, self.point)

    def sending(self, world: FaultWorld, number: int) -> list[Member]:
        """Files do not go to the victim where it is to take them over from the others."""
        is_left_out = self.point is Failpoint.SUBMISSION_ADOPTED
        return [m for m in world.up() if not is_left_out or m is not self.victim]

    def watch(self, world: FaultWorld, number: int) -> None:
        if not self.died and world.net.has_ended(self.victim):
            self.died = True
            world.net.end_operator(self.victim)
            world.recovered = world.net.restart_operator(self.victim)

    def heal(self, world: FaultWorld, number: int) -> None:
        # What comes after the settlement may still be to come.
        await_death = world.net.has_ended(self.victim)
        if not self.died and await_death:
            self.watch(world, number)

    def seen(self, world: FaultWorld, number: int) -> str:
        assert self.died, f"{self.victim.name} never came to {self.point}"
        return "went on where it was"


class Crashed(Fault):
    """One operator is killed before the round and comes back after it."""

    name = "one operator crashed for a whole round"

    def before(self, world: FaultWorld, number: int) -> None:
        self.gone = world.net.leader(number)
        world.net.end_operator(self.gone, signal.SIGKILL)

    def heal(self, world: FaultWorld, number: int) -> None:
        world.recovered = world.net.restart_operator(self.gone)

    def seen(self, world: FaultWorld, number: int) -> str:
        return "the others settled, it follows"


class Lying(Fault):
    """A liar with the operator's key in place of the operator whose turn it is."""

    def __init__(self, lies: Lies) -> None:
        self.lies, self.name = lies, f"one operator: {lies}"
        # Two signatures cost the operator its seat.
        self.spoils = lies is Lies.TWO_ROOTS

    def before(self, world: FaultWorld, number: int) -> None:
        net = world.net
        self.gone = net.leader(number)
        net.end_operator(self.gone)
        honest = next(m for m in net.members if m is not self.gone)
        domain = Domain(net.topology.chain.chain_id, world.reader.addresses.oracle)
        port, account = self.gone.operator.port, self.gone.account
        self.liar = LyingOperator(port, account, honest.url, domain, self.lies)
        self.liar.__enter__()
        world.audit.liars.add((account.address.lower(), number))

    def heal(self, world: FaultWorld, number: int) -> None:
        self.liar.close()
        world.recovered = world.net.restart_operator(self.gone)

    def give_up(self) -> None:
        self.liar.close()

    def seen(self, world: FaultWorld, number: int) -> str:
        asked = sum(self.liar.asked.values())
        assert asked, "nobody asked the liar"
        return f"the others settled, {asked} answers ignored"
