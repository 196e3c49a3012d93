"""kill -9 on the way to an answer to a challenge, and of who reports a liar: five operators, four
of whom must give one answer."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from challenges import is_bond_settled, omission, outcome, post_evidence
from fault_net import Member, NetKind, await_until
from fault_rounds import Fault, FaultWorld
from faults_of_operators import Killed, Lying
from lying_operator import Lies
from round_players import RoundFiles

from oracle.operator.failpoints import Failpoint
from oracle.operator.folders import answers, manifest_digest
from oracle.settlement.confirmation import ConfirmationMessage
from oracle.settlement.reference_oracle import Outcome
from oracle.settlement.rounds import Status
from oracle.settlement.typed_data import Domain, digest, recover
from oracle.settlement.units import WEI_PER_UNIT
from oracle.settlement.wire import unhex

_KIND = NetKind(operators=5, window=300)
_ANSWER_SECONDS = 60


class KilledAtAnswer(Killed):
    """The round is challenged. Groundlessly, and the result stands; or, with ``replaced``, because
    two of the three that took a file were away when it was evaluated, and another result counts.
    Who is killed has come to the committed result; ``late``: it comes back once the round has
    ended."""

    kind = _KIND

    def __init__(self, point: Failpoint, *, replaced: bool, late: bool = False) -> None:
        super().__init__(point)
        self.replaced, self.late = replaced, late
        self.name += ", replaced" if replaced else ", upheld"
        if late:
            self.name += ", late"

    def before(self, world: FaultWorld, number: int) -> None:
        super().before(world, number)
        self.is_challenged = False
        self.away: Sequence[Member] = []
        self.challenger = world.players[-1]
        others = [m for m in world.net.members if m is not self.victim]
        self.witness = others[-1]
        if self.replaced:
            self.away = others[:2]

    def sent(self, world: FaultWorld, number: int) -> None:
        if not self.replaced:
            return
        player = world.players[0]
        raw = RoundFiles.of(number).predictions((number, 79), 8)
        with world.net.ticker.held():
            took = [*self.away, self.victim]
            self.file = world.submit(player, player.models[0], raw, took, len(took))
            for member in self.away:
                world.net.end_operator(member)

    def watch(self, world: FaultWorld, number: int) -> None:
        if not self.is_challenged and world.reader.committed(number) is not None:
            self._challenge(world, number)
        if not self.late:
            super().watch(world, number)

    def _challenge(self, world: FaultWorld, number: int) -> None:
        self.is_challenged = True
        for member in self.away:
            world.net.start_operator(member)
        self.committed = world.reader.committed(number)
        writer = self.challenger.writer
        self.had = world.reader.tokens_of(writer.sender.signer.address)
        if not self.replaced:
            writer.challenge(number, hashlib.sha256(b"nothing").digest())
            return
        evidence = omission(world.reader, self.file)
        writer.challenge(number, evidence.digest())
        post_evidence(self.witness.url, number, evidence)

    def heal(self, world: FaultWorld, number: int) -> None:
        super().heal(world, number)
        settled = lambda: is_bond_settled(world.reader, number)  # noqa: E731
        await_until(settled, _ANSWER_SECONDS, "the bond")
        in_force = world.reader.committed(number)
        assert in_force is not None
        for member in world.net.members:
            folder = world.audit.folder(member.account.address, number)

            def has_it(folder=folder) -> bool:  # type: ignore[no-untyped-def]
                return manifest_digest(folder) == in_force.manifest

            what = f"the result in force at {member.name}"
            await_until(has_it, _ANSWER_SECONDS, what)

    def check(self, world: FaultWorld, number: int) -> None:
        super().check(world, number)
        expected = Outcome.REPLACED if self.replaced else Outcome.UPHELD
        assert outcome(world.reader, number) == expected
        in_force = world.reader.committed(number)
        assert (in_force != self.committed) is self.replaced
        self._check_bond(world, number)
        self._check_answers(world, number)

    def _check_bond(self, world: FaultWorld, number: int) -> None:
        challenge = world.reader.challenge_of(number)
        assert challenge is not None
        has = world.reader.tokens_of(self.challenger.account.address)
        lost = 0 if self.replaced else challenge.bond
        assert has == self.had - lost, f"{(self.had - has) * WEI_PER_UNIT} wei lost, not {lost}"

    def _check_answers(self, world: FaultWorld, number: int) -> None:
        """Nobody signed two answers, by what all of them keep."""
        domain = Domain(world.reader.addresses.chain_id, world.reader.addresses.oracle)
        found: dict[str, set[bytes]] = defaultdict(set)
        for member in world.net.members:
            folder = answers(world.audit.folder(member.account.address, number))
            for path in folder.glob("*/0x*.json"):
                shown = ConfirmationMessage.model_validate_json(path.read_bytes())
                signer = recover(shown.confirm(), domain, unhex(shown.signature))
                assert signer is not None, path
                found[signer].add(digest(shown.confirm(), domain))
        needed = world.net.topology.tournament.super_quorum
        assert len(found) >= needed, f"{len(found)} answers"
        assert len(set.union(*found.values())) == 1, "different answers were signed"

    def seen(self, world: FaultWorld, number: int) -> str:
        super().seen(world, number)
        if self.replaced:
            return "one answer, in force at all, bond returned"
        return "one answer, the commit stands, bond burned"


class KilledReporting(Lying):
    """A liar signs two results. The operator whose turn it is dies once it has reported that."""

    kind = _KIND
    spoils = True

    def __init__(self) -> None:
        super().__init__(Lies.TWO_ROOTS)
        self.killed = Killed(Failpoint.EQUIVOCATION_REPORTED)
        self.name = self.killed.name

    def chosen(self, world: FaultWorld, number: int) -> Member:
        return world.net.leader(number - 1)

    def before(self, world: FaultWorld, number: int) -> None:
        super().before(world, number)
        self.killed.before(world, number)
        self.passed = False

    def resolve(self, world: FaultWorld, number: int) -> None:
        """Time stands still until it is reported: else the commit may be final before."""
        world.await_due(number)
        self.undo.enter_context(world.net.ticker.held())
        super().resolve(world, number)

    def watch(self, world: FaultWorld, number: int) -> None:
        self.killed.watch(world, number)
        newest = world.reader.newest()
        facts = world.reader.facts(number, newest, number)
        if self.killed.died and facts.status is Status.COMMITTED and facts.final_at:
            self.undo.close()
            world.pass_to(facts.final_at)

    def seen(self, world: FaultWorld, number: int) -> str:
        self.killed.seen(world, number)
        signers = world.reader.signers(number)
        assert self.gone.account.address not in signers, "it still counts"
        revoked = len(world.net.members) - len(signers)
        assert revoked == 1, f"{revoked} operators are revoked"
        return "reported and revoked once, the others settled"


CHALLENGE_FAULTS: list[Fault] = [
    KilledAtAnswer(Failpoint.CONFIRM_EVALUATED, replaced=False),
    KilledAtAnswer(Failpoint.CONFIRM_RESERVED, replaced=False),
    KilledAtAnswer(Failpoint.CONFIRM_SHOWN, replaced=False),
    KilledAtAnswer(Failpoint.CONFIRM_SENT, replaced=False),
    KilledAtAnswer(Failpoint.BOND_SETTLED, replaced=False),
    KilledAtAnswer(Failpoint.CONFIRM_WRITTEN, replaced=True),
    KilledAtAnswer(Failpoint.CONFIRM_SIGNED, replaced=True),
    KilledAtAnswer(Failpoint.OLD_RESULT_MOVED, replaced=True),
    KilledAtAnswer(Failpoint.RESULT_REPLACED, replaced=True),
    KilledAtAnswer(Failpoint.OLD_RESULT_MOVED, replaced=True, late=True),
    KilledReporting(),
]
"""The last one costs an operator its seat."""
