"""What all duties of one operator share, and what of the chain never changes again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.signing import Signer
from oracle.errors import RefusedError
from oracle.operator.failpoints import failpoint
from oracle.operator.ingest import Ingest
from oracle.operator.observing import Observer
from oracle.operator.peers import Peer
from oracle.operator.targets import RoundData
from oracle.operator.turns import Turns
from oracle.settlement.typed_data import Domain
from oracle.store.artefacts import round_path
from oracle.store.ballots import Ballots
from oracle.store.journal import Journal
from oracle.store.sealing import Identity, seal

_log = structlog.get_logger("operator")


@dataclass(frozen=True, slots=True)
class Terms:
    """What an announced round asks of its operators: who they are, and how many must sign its
    commit, answer a challenge (0: nobody can), and sign receipts for a submission."""

    members: tuple[str, ...]
    needed: int
    super_quorum: int

    @property
    def liars(self) -> int:
        """How many of the members may lie."""
        return len(self.members) - self.needed

    @property
    def receipts_needed(self) -> int:
        return self.liars + 1


@dataclass
class Context:
    """``signer`` and ``writer`` are None in a dry run: nothing is signed, nothing is sent.

    ``patience`` is how long to wait for silent peers, seconds.
    """

    reader: PoolReader
    writer: PoolWriter | None
    journal: Journal
    data: RoundData
    signer: Signer | None
    ingest: Ingest
    peers: Sequence[Peer]
    artefacts: Path
    turns: Turns
    identity: Identity
    patience: float = 10.0
    at: Callable[[str], None] = failpoint
    observe: Observer = field(default_factory=Observer)
    _terms: dict[int, Terms] = field(default_factory=dict)

    @property
    def domain(self) -> Domain:
        """Of what operators sign over results."""
        return Domain(self.reader.addresses.chain_id, self.reader.addresses.oracle)

    @property
    def address(self) -> str:
        """This operator's account, empty in a dry run."""
        return "" if self.signer is None else self.signer.address

    @property
    def ballots(self) -> Ballots:
        """This operator's votes, and the drafts that it voted for."""
        return Ballots(self.journal.database)

    def folder(self, number: int) -> Path:
        where = self.reader.addresses
        return round_path(self.artefacts, where.chain_id, where.pool, number)

    def seal(self, number: int, raw: bytes) -> bytes:
        """``raw`` for the round's operators alone, as far as their recipients are known."""
        return seal(raw, self.ingest.recipients(number))

    def terms(self, number: int) -> Terms:
        """Terms of a round, once it is announced the same for ever; before, what they would be."""
        known = self._terms.get(number)
        if known is None:
            reader = self.reader
            known = Terms(
                members=tuple(reader.members(number)),
                needed=reader.needed(number),
                super_quorum=reader.super_quorum(number),
            )
            if reader.announced(number) is not None:
                self._terms[number] = known
        return known

    def is_member(self, number: int) -> bool:
        """Whether this operator is one of the round's."""
        return self.address in self.terms(number).members

    def is_my_turn(self, number: int, what: str) -> bool:
        return self.turns.is_mine(self.address, self.terms(number).members, number, what)

    def send(self, call: Callable[..., object], *arguments: object) -> bool:
        """Sends something anyone may send; that another operator was first is no error.

        Returns whether it was sent.
        """
        try:
            call(*arguments)
        except RefusedError as error:
            _log.info("not sent", call=call.__name__, reason=error.message)
            return False
        return True

    def forget_before(self, number: int) -> None:
        """Drops what is only remembered for rounds before ``number``."""
        self.turns.forget_before(number)
        self.reader.forget_before(number)
        self._terms = {n: terms for n, terms in self._terms.copy().items() if n >= number}
