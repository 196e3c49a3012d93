"""The signers of RoundOracle as a Python model (contracts/modules/quorum.vy)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from oracle.settlement.refusals import present, require

MAX_SIGNERS = 16
"""Signers in one epoch."""
MAX_EVER = 256
"""Signers in all epochs together."""
LAST_EPOCH = 2**12 - 1
SUSPENSION = 14 * 86_400
REST = 14 * 86_400
"""Seconds without a suspension after a spell of them."""


@dataclass(frozen=True, slots=True)
class Member:
    """A signer and the epochs of the rounds it may sign for, the last one None while it is open."""

    first_epoch: int
    last_epoch: int | None = None
    revoked: bool = False
    suspended_until: int = 0

    @property
    def in_force(self) -> bool:
        """Whether it may sign for the next round."""
        return self.last_epoch is None

    def covers(self, epoch: int) -> bool:
        """Whether rounds of the epoch were, or will be, announced with it."""
        last = LAST_EPOCH if self.last_epoch is None else self.last_epoch
        return self.first_epoch <= epoch <= last

    def counts(self, epoch: int, now: int) -> bool:
        """Whether its signature counts at ``now`` for rounds of the epoch."""
        return self.covers(epoch) and not self.revoked and now >= self.suspended_until


@dataclass
class ReferenceQuorum:
    """Signers by address, in the order of registration. ``spell`` is the begin of the last spell of
    suspensions; ``epoch`` is the next announcement's."""

    epoch: int = 0
    members: dict[str, Member] = field(default_factory=dict)
    spell: int = 0

    def rotate(
        self, added: Sequence[str], retired: Sequence[str], threshold: int, super_quorum: int
    ) -> None:
        """Begins the next epoch."""
        epoch = self.epoch + 1
        require(epoch <= LAST_EPOCH, "quorum: no epoch left")
        members = dict(self.members)
        for signer in retired:
            member = present(members.get(signer), "quorum: not in force")
            if member.revoked:
                continue
            require(member.in_force, "quorum: not in force")
            members[signer] = replace(member, last_epoch=epoch - 1)
        for signer in added:
            require(int(signer, 16) != 0, "quorum: zero signer")
            require(signer not in members, "quorum: signer twice")
            require(len(members) < MAX_EVER, "quorum: no index left")
            members[signer] = Member(epoch)
        n = sum(member.in_force for member in members.values())
        require(n <= MAX_SIGNERS, "quorum: too many signers")
        require(n < 2 * threshold and threshold < n, "quorum: bad threshold")
        require(super_quorum == 0 or threshold < super_quorum < n, "quorum: bad super-quorum")
        self.members, self.epoch = members, epoch

    def revoke(self, signer: str) -> None:
        member = self._known(signer)
        last_epoch = self.epoch if member.in_force else member.last_epoch
        self.members[signer] = replace(member, revoked=True, last_epoch=last_epoch)

    def suspend(self, signer: str, now: int) -> None:
        member = self._known(signer)
        require(now >= member.suspended_until, "quorum: suspended")
        begun = now if now >= self.spell + SUSPENSION + REST else self.spell
        require(now < begun + SUSPENSION, "quorum: no suspension now")
        self.members[signer] = replace(member, suspended_until=begun + SUSPENSION)
        self.spell = begun

    def check(self, signers: Sequence[str], epoch: int, needed: int, now: int) -> None:
        """Refuses unless ``needed`` signers of the epoch, ascending, and nobody else signed."""
        require(len(signers) >= needed, "quorum: too few signatures")
        last = 0
        for signer in signers:
            require(int(signer, 16) > last, "quorum: not ascending")
            require(self.is_signer(signer, epoch, now), "quorum: not a signer")
            last = int(signer, 16)

    def is_signer(self, signer: str, epoch: int, now: int) -> bool:
        """Whether a signature of the address counts at ``now`` for rounds of the epoch."""
        member = self.members.get(signer)
        return member is not None and member.counts(epoch, now)

    def members_of(self, epoch: int) -> list[str]:
        """Signers of the epoch, revoked and suspended ones too."""
        return [who for who, member in self.members.items() if member.covers(epoch)]

    def _known(self, signer: str) -> Member:
        member = present(self.members.get(signer), "quorum: not a signer")
        require(not member.revoked, "quorum: revoked")
        return member
