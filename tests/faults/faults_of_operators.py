"""Operators that crash, stay away or lie."""

import signal
from collections.abc import Sequence

from fault_net import Member
from fault_rounds import Fault, FaultWorld
from lying_operator import Lies, LyingOperator
from round_players import RoundFiles
from timed_liar import Honest, TimedLiar

from oracle.operator.failpoints import Failpoint
from oracle.settlement.typed_data import Domain

ORDINARY = (
    Failpoint.INDEX_STORED,
    Failpoint.SUBMISSION_ADOPTED,
    Failpoint.EVALUATED,
    Failpoint.VOTE_KEPT,
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
    """kill -9 at a named place of the operator whose turn it is, and a restart; ``times`` it must
    have come there."""

    def __init__(self, point: Failpoint, times: int = 1) -> None:
        self.point, self.place = point, point if times == 1 else f"{point}:{times}"
        self.name = f"kill -9 at {self.place}"
        self.died = False

    def chosen(self, world: FaultWorld, number: int) -> Member:
        """Who is killed."""
        return world.net.leader(number)

    def before(self, world: FaultWorld, number: int) -> None:
        self.died = False
        self.victim = self.chosen(world, number)
        world.net.arm(self.victim, self.place)

    def sending(self, world: FaultWorld, number: int) -> list[Member]:
        """Files do not go to the victim where it is to take them over from the others."""
        is_left_out = self.point is Failpoint.SUBMISSION_ADOPTED
        return [m for m in world.up() if not is_left_out or m is not self.victim]

    def watch(self, world: FaultWorld, number: int) -> None:
        if not self.died and world.net.has_ended(self.victim):
            self.revive(world)

    def revive(self, world: FaultWorld) -> None:
        """A new process, without the failpoint, in place of the one that is dead."""
        self.died = True
        world.net.end_operator(self.victim)
        world.recovered = world.net.restart_operator(self.victim)

    def heal(self, world: FaultWorld, number: int) -> None:
        # What comes after the settlement may still be to come.
        if not self.died and world.net.has_ended(self.victim):
            self.revive(world)

    def seen(self, world: FaultWorld, number: int) -> str:
        assert self.died, f"{self.victim.name} never came to {self.place}"
        return "went on where it was"


class KilledVoting(Killed):
    """It dies once its second vote is kept; with another operator away, its votes are needed."""

    def __init__(self) -> None:
        super().__init__(Failpoint.VOTE_KEPT, times=2)

    def before(self, world: FaultWorld, number: int) -> None:
        super().before(world, number)
        self.away = world.net.leader(number - 2)
        world.net.end_operator(self.away)

    def heal(self, world: FaultWorld, number: int) -> None:
        super().heal(world, number)
        world.net.restart_operator(self.away)


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

    def chosen(self, world: FaultWorld, number: int) -> Member:
        """In whose place it is."""
        return world.net.leader(number)

    def before(self, world: FaultWorld, number: int) -> None:
        self.gone = self.chosen(world, number)
        world.net.end_operator(self.gone)
        self.liar = self.made(world, [m for m in world.net.members if m is not self.gone])
        self.liar.__enter__()
        world.audit.liars.add((self.gone.account.address.lower(), number))

    def made(self, world: FaultWorld, honest: Sequence[Member]) -> LyingOperator:
        """The liar."""
        net = world.net
        domain = Domain(net.topology.chain.chain_id, world.reader.addresses.oracle)
        port, account = self.gone.operator.port, self.gone.account
        return LyingOperator(port, account, honest[0].url, domain, self.lies, net.asker)

    def heal(self, world: FaultWorld, number: int) -> None:
        self.liar.close()
        world.recovered = world.net.restart_operator(self.gone)

    def give_up(self) -> None:
        self.liar.close()

    def seen(self, world: FaultWorld, number: int) -> str:
        asked = sum(self.liar.asked.values())
        assert asked, "nobody asked the liar"
        return f"the others settled, {asked} answers ignored"


class LyingInTime(Lying):
    """A liar that agrees with each of the others, and shows all but the first to vote a receipt
    for a file that only one of them was sent; it gives no signature, so all others must agree."""

    liar: TimedLiar

    def __init__(self) -> None:
        super().__init__(Lies.TIMED)

    def made(self, world: FaultWorld, honest: Sequence[Member]) -> TimedLiar:
        net = world.net
        oracle = Domain(net.topology.chain.chain_id, world.reader.addresses.oracle)
        shown = [Honest(m.name, m.url, m.account.address) for m in honest]
        self.holder = honest[1]
        port, account = self.gone.operator.port, self.gone.account
        return TimedLiar(port, account, shown, oracle, world.domain, net.asker)

    def sent(self, world: FaultWorld, number: int) -> None:
        """The file is the model's newest: the result depends on it."""
        player = world.players[0]
        raw = RoundFiles.of(number).predictions((number, 77), 8)
        with world.net.ticker.held():
            sent = world.submit(player, player.models[0], raw, [self.holder], 1)
        [self.receipt] = sent.receipts.values()
        self.liar.held_back = sent.key

    def resolve(self, world: FaultWorld, number: int) -> None:
        self.liar.due.set()
        super().resolve(world, number)

    def check(self, world: FaultWorld, number: int) -> None:
        """With the file or without it: both are right."""
        world.check_pool()
        key, without = self.liar.held_back, world.audit.expected(number)
        assert key is not None
        committed = world.reference.commits[number]
        self.with_file = tuple(without.commit.result.argument()) != committed
        if self.with_file:
            sent = world.audit.sent[number][key]
            sent.received[self.gone.account.address] = self.receipt.received
        super().check(world, number)

    def seen(self, world: FaultWorld, number: int) -> str:
        agreed = {name for name, _ in self.liar.agreed_with}
        honest = set(self.liar.by_name)
        assert agreed == honest, f"agreed with {sorted(agreed)} only"
        assert self.liar.shown_to, "nobody was shown the receipt"
        assert self.liar.first.name not in self.liar.shown_to
        values = len({value for _, value in self.liar.agreed_with})
        what = "with the file" if self.with_file else "without the file"
        return f"voted for {values} results, one committed, {what}"
