"""Verifying every round while it can still be challenged, and once more when it is settled.

Like an operator's, a watcher's work is derived from the chain each time: what it has verified
already is all it remembers. A round whose artefacts nobody shows, or an endpoint that is silent, is
tried again; neither ends the watch.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.errors import (
    AssayError,
    DifferenceError,
    RefusedError,
    UnreachableError,
)
from oracle.settlement.evidence import Wrong
from oracle.settlement.manifest import hex32
from oracle.settlement.reference_oracle import Outcome
from oracle.settlement.rounds import Phase, phase
from oracle.settlement.typed_data import Commit
from oracle.settlement.units import nmr
from oracle.store.artefacts import ArtefactError, RoundFolder, write_file
from oracle.store.sealing import Identity
from oracle.verification.dispute import challenge, require_affordable, send, terms
from oracle.verification.fault import fault
from oracle.verification.fetch import MAX_ROUND, RoundKey, Source, Wanted
from oracle.verification.watch_state import Bond, Seen, StateFile

_COMMITTED = (Phase.COMMITTED, Phase.CHALLENGED, Phase.FINAL, Phase.ENDED)


class Finding(StrEnum):
    """What came of looking at a round, or of the whole pass."""

    VERIFIED = "verified"
    DIFFERENT = "different"
    MISSING = "missing"
    """Nobody shows the committed artefacts, or the chain did not answer: tried again."""
    CHALLENGED = "challenged"
    NOT_CHALLENGED = "not challenged"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to tell. ``round`` is None for what is about no round; ``final_at`` is when the
    round's result becomes final, None if it has."""

    round: int | None
    finding: Finding
    text: str
    final_at: int | None = None


Verify = Callable[[Path], str]
"""Verifies a round's folder and says what it showed; raises an ``AssayError`` otherwise."""


@dataclass(frozen=True, slots=True)
class Challenger:
    """Puts up bonds: at most one a round, each at most ``max_bond`` U, and none any more once one
    was lost. ``operators`` are given the evidence; ``folder`` is where it is kept."""

    writer: PoolWriter
    max_bond: int
    operators: Sequence[str]
    folder: Path


@dataclass
class Watcher:
    """Watches one pool. ``first`` is the earliest round to look at, ``most`` how many bytes of one
    are downloaded; ``identity`` opens what is sealed to it."""

    reader: PoolReader
    sources: Sequence[Source]
    cache: Path
    state: StateFile
    verify: Verify
    first: int
    identity: Identity | None = None
    challenger: Challenger | None = None
    most: int = MAX_ROUND
    _declined: set[tuple[int, str]] = field(default_factory=set)

    def look(self) -> Iterator[Line]:
        """One pass over all rounds that are not done; a round's trouble does not stop the next."""
        now = self.reader.finalized()
        state = self.reader.state(now.number)
        for number in range(self.first, state["last_announced"] + 1):
            seen = self.state.state.rounds.get(number)
            if number < state["head"] and seen is not None and seen.settled:
                continue
            final_at = None
            try:
                facts = self.reader.facts(number, now, state["head"])
                stage = phase(facts, now.timestamp)
                if stage is Phase.COMMITTED:
                    final_at = facts.final_at
                if stage in _COMMITTED:
                    yield from self._round(number, stage is Phase.ENDED, final_at)
            except Exception as error:  # noqa: BLE001, RUF100 - operators may have made it for this
                yield Line(number, Finding.MISSING, _text(error), final_at)

    def _round(self, number: int, ended: bool, final_at: int | None) -> Iterator[Line]:
        # The seal first: if another result comes in between, it does not count as seen.
        rounds, sealed = self.state.state.rounds, hex32(self.reader.sealed(number))
        committed = self.reader.committed(number)
        if committed is None:
            return  # it ended without a result
        seen = rounds.get(number)
        if seen is None or seen.sealed != sealed or (ended and not seen.settled):
            difference, line = self._verified(number, committed, final_at)
            rounds[number] = Seen(sealed=sealed, settled=ended, difference=difference)
            self.state.save()
            yield line
        if self.challenger and final_at is not None and rounds[number].difference:
            yield from self._challenge(number, committed, sealed, final_at, self.challenger)

    # ------------------------------------------------------------------ verifying

    def _verified(self, number: int, committed: Commit, final_at: int | None) -> tuple[str, Line]:
        """The difference, empty where one source's copy is as committed and all of it follows.

        Raises ``UnreachableError`` where no copy that is whole can be had.
        """
        said: list[str] = []
        differences: list[str] = []
        for copy in self._copies(number, committed, said):
            try:
                return "", Line(number, Finding.VERIFIED, self.verify(copy), final_at)
            except DifferenceError as error:
                # What no manifest lists is not the round's: another copy may have it.
                (said if _is_of_copy(error) else differences).append(error.message)
            except Exception as error:  # noqa: BLE001, RUF100 - another copy may do better
                said.append(_text(error))
        if not differences:
            raise UnreachableError("; ".join(said) or "no source of artefacts")
        return differences[0], Line(number, Finding.DIFFERENT, differences[0], final_at)

    def _copies(self, number: int, committed: Commit, said: list[str]) -> Iterator[Path]:
        """Folders that hold the committed round undamaged, by source."""
        where = self.reader.addresses
        key = RoundKey(where.chain_id, where.pool, number)
        operators = self.reader.members(number)
        wanted = Wanted(self.cache, committed.manifest, operators=operators, most=self.most)
        for source in self.sources:
            try:
                folder = source.bring(key, wanted)
                RoundFolder(folder, self.identity).check()
            except ArtefactError as error:
                said.append(f"{source.name}: {error}")
            except (AssayError, OSError) as error:
                said.append(_text(error))
            else:
                yield folder

    # ------------------------------------------------------------------ challenging

    def _challenge(
        self, number: int, committed: Commit, sealed: str, final_at: int, by: Challenger
    ) -> Iterator[Line]:
        """Raises the challenge unless there is one; what speaks against it is said once."""
        if (number, sealed) in self._declined or self.reader.challenge_of(number) is not None:
            return
        try:
            self._require_no_bond_lost()
            wrong = self._fault(number, committed)
            told = terms(self.reader, number)
            require_affordable(self.reader, by.writer.sender.signer.address, told, by.max_bond)
        except RefusedError as error:
            self._declined.add((number, sealed))
            yield Line(number, Finding.NOT_CHALLENGED, error.message, final_at)
            return
        transaction = self._send(wrong, told.bond, by)
        text = f"{wrong.path}: bond {nmr(told.bond)} NMR, transaction {transaction}"
        yield Line(number, Finding.CHALLENGED, text, final_at)

    def _send(self, wrong: Wrong, bond: int, by: Challenger) -> str:
        """Evidence first, so that the hash on chain always has a text to it."""
        number, digest = wrong.round, hex32(wrong.digest())
        write_file(by.folder / f"{number}-{digest[2:18]}.json", wrong.to_bytes())
        kept = Bond(evidence=digest, amount=bond)
        self.state.state.bonds[number] = kept
        self.state.save()
        send(wrong, by.operators)
        kept.transaction = challenge(wrong, by.writer)
        self.state.save()
        return kept.transaction

    def _fault(self, number: int, committed: Commit) -> Wrong:
        """What every copy that can be had shows; one that shows no fault is enough to refuse."""
        found: Wrong | None = None
        for copy in self._copies(number, committed, []):
            found = fault(copy, self.reader, number, self.identity)
        if found is None:
            raise RefusedError("no copy of the committed round can be had any more")
        return found

    def _require_no_bond_lost(self) -> None:
        for number in self.state.state.bonds:
            told = self.reader.challenge_of(number)
            if told is not None and told.outcome == Outcome.UPHELD:
                raise RefusedError(
                    f"the challenge of round {number} was answered with the same result and its "
                    "bond lost: no other is put up",
                    f"find out why, then remove the bond of round {number} from {self.state.path}",
                )


def _is_of_copy(error: DifferenceError) -> bool:
    """Whether it is about signatures or receipts: the contract has counted the former, and both
    are beside what the manifest lists."""
    return error.path.startswith(("attest/", "receipts/")) or error.message.startswith("signatures")


def _text(error: Exception) -> str:
    if isinstance(error, AssayError):
        return error.message
    if isinstance(error, OSError):
        return f"{error.strerror or error}"
    return f"internal error: {type(error).__name__}: {error}"
