"""Keeps this operator from signing two results of one round when its database was lost or is old.

What it signed is seen in its artefacts, on the chain and at other operators; it is written down
again. What it may have signed unseen can only be of rounds that were due by then: for these nothing
new is signed.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from pydantic import TypeAdapter, ValidationError

from oracle.chain.reader import PoolReader
from oracle.operator.folders import answers, replaced
from oracle.operator.peers import Peer
from oracle.settlement.confirmation import ConfirmationMessage, confirm_of
from oracle.settlement.typed_data import Commit, Confirm, Domain, digest, recover
from oracle.settlement.wire import AttestationMessage, unhex
from oracle.store.artefacts import round_path
from oracle.store.journal import COMMIT, Journal

_RESULT = ("close_block_hash", "chain_head", "at_risk", "words", "manifest", "meta_root")
_MESSAGE: TypeAdapter[ConfirmationMessage | AttestationMessage] = TypeAdapter(
    ConfirmationMessage | AttestationMessage
)
_log = structlog.get_logger("guard")


@dataclass(frozen=True, slots=True)
class Signed:
    """A digest that this operator has signed, and where its signature was seen."""

    round: int
    phase: str
    digest: bytes
    where: str


@dataclass(frozen=True, slots=True)
class Settled:
    """``learned``: signatures the database did not know; ``conflicts``: others than it knows.

    ``blocked_up_to``: the last round for which nothing new is signed, 0 for none.
    """

    learned: list[Signed] = field(default_factory=list)
    conflicts: list[Signed] = field(default_factory=list)
    blocked_up_to: int = 0


@dataclass(frozen=True, slots=True)
class Guard:
    """One operator's signatures; ``address`` is empty in a dry run, which signs nothing."""

    reader: PoolReader
    journal: Journal
    artefacts: Path
    address: str
    peers: Sequence[Peer] = ()

    def settle(
        self, rounds: Iterable[int] | None = None, *, sure: bool = False, anew: bool = False
    ) -> Settled:
        """Call before anything is signed: learns what is seen of ``rounds``, then blocks.

        Rounds that are due by now are blocked where the database is new, or does not know a
        signature that it should: then it may lack others. ``rounds`` are the open ones if not
        given. ``anew``: the database was made or put back anew. ``sure``: the operator vouches
        that nothing was signed unseen.
        """
        if not self.address:
            return Settled()
        found = list(self._seen(self._open_rounds() if rounds is None else rounds))
        is_new = anew or self.journal.blocked_up_to() < 0
        # Before anything is learned: interrupted in between, the next start must block as well.
        if not sure and (is_new or any(self._is_news(item) for item in found)):
            self.journal.block(self._newest_due())
        learned, conflicts = [], []
        for item in found:
            if not self._is_news(item):
                continue
            if self.journal.learn_digest(item.round, item.phase, item.digest):
                learned.append(item)
            else:
                conflicts.append(item)
                _log.error("signed another digest than is known", round=item.round, at=item.where)
        self.journal.block(0)
        return Settled(learned, conflicts, self.journal.blocked_up_to())

    def _is_news(self, item: Signed) -> bool:
        return self.journal.own_digest(item.round, item.phase) != item.digest

    # ------------------------------------------------------------------ rounds

    def _open_rounds(self) -> range:
        state = self.reader.state()
        return range(state["head"], state["last_announced"] + 1)

    def _newest_due(self) -> int:
        """The last round whose result could have been signed by now, by whichever clock is ahead;
        0 if there is none."""
        now = max(int(time.time()), self.reader.newest().timestamp)
        for number in range(self.reader.state()["last_announced"], 0, -1):
            announced = self.reader.announced(number)
            if announced is not None and announced.closes + announced.horizon <= now:
                return number
        return 0

    # ------------------------------------------------------------------ what is seen

    def _seen(self, rounds: Iterable[int]) -> Iterator[Signed]:
        wanted = set(rounds)
        for number in sorted(wanted):
            yield from self._in_artefacts(number)
            yield from self._at_peers(number)
        yield from self._on_chain(wanted)

    def _in_artefacts(self, number: int) -> Iterator[Signed]:
        where = self.reader.addresses
        folder = round_path(self.artefacts, where.chain_id, where.pool, number)
        for attest in (folder / "attest", replaced(folder) / "attest", answers(folder)):
            for path in sorted(attest.rglob(f"{self.address.lower()}*.json")):
                try:
                    message = _MESSAGE.validate_json(path.read_bytes())
                except ValidationError:
                    _log.warning("not a signed result", file=str(path))
                    continue
                yield from self._checked(number, message, str(path))

    def _at_peers(self, number: int) -> Iterator[Signed]:
        path = f"/rounds/{number}/attestations/{self.address.lower()}"
        for peer in self.peers:
            for message in peer.read(TypeAdapter(list[AttestationMessage]), path, 2**20) or ():
                yield from self._checked(number, message, peer.url)

    def _checked(self, number: int, message: AttestationMessage, where: str) -> Iterator[Signed]:
        """Only what this operator has truly signed: anyone may show anything."""
        statement: Commit | Confirm = message.attestation().commit
        if isinstance(message, ConfirmationMessage):
            statement = message.confirm()
        signer = recover(statement, self._domain, unhex(message.signature))
        if signer == self.address and statement.round == number:
            yield self._signed(statement, where)

    def _on_chain(self, wanted: set[int]) -> Iterator[Signed]:
        """What the contract counted this operator's signature for, the newest block included."""
        operators = self.reader.operators()
        if self.address not in operators:
            return
        bit = 1 << operators.index(self.address)
        events, newest = self.reader.oracle.events, self.reader.newest().number
        for event in (events.Committed, events.Confirmed):
            for log in self.reader.logs.logs(event, {}, 0, newest):
                values = log["args"]
                if values["round"] in wanted and values["signers"] & bit:
                    yield from self._of_event(event is events.Confirmed, values)

    def _of_event(self, is_answer: bool, values: Any) -> Iterator[Signed]:
        number = values["round"]
        announced = self.reader.announced(number)
        challenge = self.reader.challenge_of(number) if is_answer else None
        if announced is None or (is_answer and challenge is None):
            return  # the chain was reorganised meanwhile
        commit = Commit(
            pool=announced.pool,
            tournament=announced.tournament,
            round=number,
            epoch=announced.epoch,
            announce_hash=announced.hash(),
            **{name: values[name] for name in _RESULT},
        )
        yield self._signed(
            commit if challenge is None else confirm_of(commit, challenge.challenge_id), "chain"
        )

    def _signed(self, statement: Commit | Confirm, where: str) -> Signed:
        phase = COMMIT
        if isinstance(statement, Confirm):
            phase = f"confirm:0x{statement.challenge_id.hex()}"
        return Signed(statement.round, phase, digest(statement, self._domain), where)

    @property
    def _domain(self) -> Domain:
        return Domain(self.reader.addresses.chain_id, self.reader.addresses.oracle)
