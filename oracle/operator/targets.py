"""What the data provider gives an operator for a round: the live universe, later the targets.

Targets come signed into the operator's vault, or as ``<round>/targets.csv`` into the provider's
folder, which holds ``<round>/universe.csv`` from the opening on; both in the canonical form of
docs/formats.md.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from pydantic import TypeAdapter

from oracle.chain.reader import PoolReader
from oracle.errors import AssayError, InputError, RefusedError
from oracle.operator.cards import Cards
from oracle.operator.failpoints import Failpoint, failpoint
from oracle.operator.peers import Peer, ask_all
from oracle.operator.wrapping import MAX_BYTES, opened
from oracle.settlement.typed_data import Domain, Targets, recover
from oracle.settlement.wire import TargetsMessage, targets_message, unhex
from oracle.store.sealing import Identity, largest_sealed, seal
from oracle.store.vault import TARGETS, TargetVault, VaultEntry
from oracle.tournaments import by_number
from oracle.tournaments.round_files import read_targets, read_universe
from oracle.tournaments.universe import UniverseError

_UNIVERSE, _TARGETS = "universe.csv", "targets.csv"
_MESSAGE = TypeAdapter(TargetsMessage)
_MAX_MESSAGE = 4096
_log = structlog.get_logger("targets")


def _now() -> int:
    return int(time.time())


@dataclass(frozen=True, slots=True)
class RoundData:
    """The provider's folder, and the vault, which goes before it.

    ``clock`` tells the time by which the vault hands out targets: that of the chain's blocks.
    """

    folder: Path
    vault: TargetVault | None = None
    clock: Callable[[], int] = _now

    def universe(self, round_number: int) -> bytes:
        raw = self._read(round_number, _UNIVERSE)
        if raw is None:
            raise RefusedError(f"the universe of round {round_number} is not published yet")
        return raw

    def targets(self, round_number: int) -> bytes | None:
        """The round's targets once they are released; what is in the vault counts first."""
        if self.vault is not None and self.vault.entry(round_number) is not None:
            return self.vault.targets(round_number, self.clock())
        return self._read(round_number, _TARGETS)

    def has_targets(self, round_number: int) -> bool:
        """Whether the round has resolved; asked every cycle, so it reads no file."""
        entry = self.vault and self.vault.entry(round_number)
        if entry:
            return self.clock() >= entry.release_at
        return self._path(round_number, _TARGETS).is_file()

    def _path(self, round_number: int, name: str) -> Path:
        return self.folder / str(round_number) / name

    def _read(self, round_number: int, name: str) -> bytes | None:
        try:
            return self._path(round_number, name).read_bytes()
        except FileNotFoundError:
            return None


@dataclass(frozen=True)
class TargetDesk:
    """Takes targets for the vault, from the provider and from the other operators.

    ``providers`` are the addresses whose signature counts; with none, only the folder does.
    """

    reader: PoolReader
    data: RoundData
    vault: TargetVault
    identity: Identity
    cards: Cards
    providers: frozenset[str]
    allow_plaintext: bool = False
    _pause: dict[int, float] = field(default_factory=dict)

    @property
    def domain(self) -> Domain:
        return Domain(self.reader.addresses.chain_id, self.reader.addresses.pool)

    def accept(
        self, body: bytes, round_number: int, release_at: int, signature: bytes
    ) -> TargetsMessage:
        """Keeps signed targets; returns what stands for the round from now on."""
        announced = self.reader.announced(round_number)
        if announced is None:
            raise RefusedError(f"round {round_number} is not announced")
        if release_at < announced.closes:
            raise InputError(
                f"targets of round {round_number} cannot be released before it closes "
                f"at {announced.closes}"
            )
        raw = opened(body, self.identity, self.allow_plaintext)
        signed = Targets(round_number, hashlib.sha256(raw).digest(), release_at)
        provider = recover(signed, self.domain, signature)
        if provider not in self.providers:
            raise RefusedError(
                "the targets are not signed by a data provider of this operator",
                "the operator names its providers in its configuration",
            )
        self._check(raw, round_number)
        entry = VaultEntry(
            round_number, TARGETS, signed.sha256, release_at, provider, signature, len(raw)
        )
        kept = self.vault.put(entry, raw)
        failpoint(Failpoint.TARGETS_STORED)
        return targets_message(kept.targets, kept.signature)

    def _check(self, raw: bytes, round_number: int) -> None:
        rules = by_number(self.reader.addresses.tournament)
        try:
            universe = read_universe(self.data.universe(round_number), rules)
            read_targets(raw, universe, rules)
        except UniverseError as error:
            raise InputError(f"targets of round {round_number}: {error}") from None

    def shown(self, round_number: int) -> TargetsMessage | None:
        """What is kept for a round, without the file: hash, release and the provider's word."""
        entry = self.vault.entry(round_number)
        return None if entry is None else targets_message(entry.targets, entry.signature)

    def shared(self, round_number: int, sha256: bytes) -> bytes | None:
        """The file, sealed to the round's operators, or None if another or none is kept."""
        entry = self.vault.entry(round_number)
        if entry is None or entry.sha256 != sha256:
            return None
        recipients = self.cards.recipients(self.reader.signers(round_number))
        return seal(self.vault.open(round_number), recipients)

    def fetch(self, peers: Sequence[Peer], round_number: int, every: float = 5.0) -> None:
        """Takes what the other operators have for a round and this one has not.

        To be called while the targets are waited for; asks again after ``every`` seconds only.
        """
        now = time.monotonic()
        if not self.providers or now < self._pause.get(round_number, float("-inf")):
            return
        self._pause[round_number] = now + every
        path = f"/rounds/{round_number}/targets"
        for peer, found in ask_all(peers, lambda p: p.read(_MESSAGE, path, _MAX_MESSAGE)):
            if found is not None and self._is_news(round_number, found):
                self._take(peer, round_number, found)

    def _is_news(self, round_number: int, found: TargetsMessage) -> bool:
        if found.round != round_number:
            return False
        if recover(found.targets(), self.domain, unhex(found.signature)) not in self.providers:
            return False
        kept = self.vault.entry(round_number)
        theirs = (found.release_at, unhex(found.sha256))
        return kept is None or theirs > (kept.release_at, kept.sha256)

    def _take(self, peer: Peer, round_number: int, found: TargetsMessage) -> None:
        path = f"/rounds/{round_number}/targets/{found.sha256[2:]}"
        sealed = peer.get(path, largest_sealed(MAX_BYTES))
        if sealed is None:
            return
        try:
            self.accept(sealed, round_number, found.release_at, unhex(found.signature))
        except AssayError as error:
            _log.warning("refused a peer's targets", peer=peer.url, error=error.message)

    def forget_before(self, round_number: int) -> None:
        """Drops what is only remembered for rounds before this one."""
        for number in [n for n in self._pause if n < round_number]:
            del self._pause[number]
