"""One tournament's counter: files are checked by its rules, signed, and sent to its operators."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from oracle.chain.reader import PoolReader
from oracle.chain.signing import Signer
from oracle.errors import InputError, RefusedError
from oracle.operator.client import Sent, submit
from oracle.operator.known_cards import KnownCards
from oracle.settlement.submitters import SubmissionKey
from oracle.settlement.typed_data import Announcement, Domain
from oracle.tournaments.remapping import parse_ids
from oracle.tournaments.round_files import read_universe
from oracle.tournaments.rules import SubmissionRules
from oracle.tournaments.submissions import Submission, SubmissionError, parse_submission
from oracle.tournaments.universe import Universe, UniverseError

_UNIVERSE, _IDS = "universe.csv", "ids.csv"
_PATIENCE: Final = 5.0
"""Seconds that an operator has to take a file once enough others took it."""
_TERMS_SECONDS: Final = 30.0
"""How long operators and their quorum are believed to be what they were."""
_KEPT = 4
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a round asks of a submission: ``signers`` are its operators whose receipts count,
    ``needed`` of which make it count."""

    announcement: Announcement
    needed: int
    signers: frozenset[str]

    @property
    def times(self) -> range:
        """Block times of receipts that count."""
        return range(self.announcement.opens, self.due)

    @property
    def due(self) -> int:
        return self.announcement.closes + self.announcement.horizon


@dataclass(frozen=True)
class Desk:
    """``data``: the provider's folder; ``operators``: their addresses; ``signer``: the server's
    key for submissions, None where it has none."""

    reader: PoolReader
    rules: SubmissionRules
    data: Path
    operators: Sequence[str]
    signer: Signer | None
    clock: Callable[[], float] = time.monotonic
    _terms: dict[int, tuple[float, Terms]] = field(default_factory=dict)
    _universes: dict[int, Universe] = field(default_factory=dict)
    _cards: KnownCards = field(default_factory=KnownCards)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def domain(self) -> Domain:
        where = self.reader.addresses
        return Domain(where.chain_id, where.pool)

    def terms(self, number: int) -> Terms:
        """What round ``number`` asks. Raises ``RefusedError`` before it is announced."""
        known = self._terms.get(number)
        if known is not None and self.clock() < known[0]:
            return known[1]
        announcement = self.reader.announced(number)
        if announcement is None:
            raise RefusedError(f"round {number} is not announced")
        found = Terms(
            announcement,
            self.reader.receipts_needed(number),
            frozenset(self.reader.signers(number)),
        )
        self._keep(self._terms, number, (self.clock() + _TERMS_SECONDS, found))
        return found

    def universe(self, number: int) -> Universe:
        """The round's rows. Raises ``RefusedError`` before they are published."""
        if number not in self._universes:
            raw = self._read(number, _UNIVERSE)
            if raw is None:
                raise RefusedError(f"the universe of round {number} is not published yet")
            try:
                found = read_universe(raw, self.rules)
            except UniverseError as error:
                raise RefusedError(f"the universe of round {number} is broken: {error}") from None
            self._keep(self._universes, number, found)
        return self._universes[number]

    def new_ids(self, number: int) -> dict[str, str] | None:
        """New ids by those of the round before, None where the provider says none."""
        raw = self._read(number, _IDS)
        if raw is None:
            return None
        try:
            return parse_ids(raw)
        except UniverseError as error:
            raise RefusedError(f"{_IDS} of round {number} is broken: {error}") from None

    def check(self, number: int, raw: bytes) -> Submission:
        """The file as the operators will read it. Raises ``InputError`` in the documented form."""
        universe = self.universe(number)
        try:
            return parse_submission(raw, universe.ids, self.rules, universe.names)
        except SubmissionError as error:
            raise InputError(str(error)) from None

    def send(
        self,
        number: int,
        model: int,
        raw: bytes,
        allowed: tuple[SubmissionKey, bytes],
        sequence: int,
    ) -> Sent:
        """Signed and sent to the operators; raises unless as many as are needed took it.
        ``sequence``: when the file came, in milliseconds; what its owner sent since goes before."""
        if self.signer is None:
            raise RefusedError(
                "this server has no key to sign submissions with", "send the file by `assay submit`"
            )
        terms = self.terms(number)
        return submit(
            raw,
            number,
            model,
            self.signer,
            self.domain,
            self.operators,
            terms.needed,
            terms.signers,
            terms.times,
            allowed=allowed,
            cards=self._cards,
            patience=_PATIENCE,
            sequence=sequence,
        )

    def _read(self, number: int, name: str) -> bytes | None:
        try:
            return (self.data / str(number) / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RefusedError(
                f"{name} of round {number} cannot be read: {error.strerror}"
            ) from None

    def _keep(self, known: dict[int, _T], number: int, value: _T) -> None:
        """Remembers the value, and of others the newest few."""
        with self._lock:
            known[number] = value
            for old in sorted(known)[:-_KEPT]:
                del known[old]
