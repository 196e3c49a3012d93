"""Signed results on disk: ``attest/`` of a round's folder, one file an operator."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from oracle.settlement.quorum import Tally, tally
from oracle.settlement.typed_data import Domain, digest
from oracle.settlement.wire import AttestationMessage
from oracle.store.artefacts import write_file


@dataclass(frozen=True, slots=True)
class Attestations:
    """The signatures kept for one round; ``domain`` is RoundOracle's."""

    folder: Path
    domain: Domain

    def of(self, operator: str) -> AttestationMessage | None:
        """What ``operator`` signed first, or None."""
        return _read(self._path(operator)) if operator else None

    def all_of(self, operator: str) -> list[AttestationMessage]:
        """Everything that ``operator`` is known to have signed: one result, or two."""
        found = (_read(self._path(operator)), _read(self._second(operator)))
        return [message for message in found if message is not None]

    def show(self, operator: str, message: AttestationMessage) -> None:
        """Keeps one's own signature, from then on to be seen."""
        write_file(self._path(operator), message.model_dump_json().encode())

    def keep(self, message: AttestationMessage, members: Iterable[str]) -> None:
        """Keeps another operator's signature if it is one.

        A second result is kept beside the first, as proof that this operator signed two.
        """
        for signed, by in tally([message.attestation()], self.domain, members).signatures.items():
            for who in by:
                first, path = self.of(who), self._path(who)
                if first is not None and digest(first.attestation().commit, self.domain) != signed:
                    path = self._second(who)
                if not path.exists():
                    write_file(path, message.model_dump_json().encode())

    def equivocations(self) -> list[tuple[AttestationMessage, AttestationMessage]]:
        """Pairs of different results that one operator signed."""
        found = []
        for path in sorted(self._attest.glob("0x*-second.json")):
            first = _read(path.with_name(path.name.replace("-second", "")))
            second = _read(path)
            if first and second:
                found.append((first, second))
        return found

    def count(self, signers: Iterable[str]) -> Tally:
        """Signatures by result; of operators that signed one result only."""
        kept = [_read(path) for path in sorted(self._attest.glob("0x*.json"))]
        return tally([item.attestation() for item in kept if item], self.domain, signers)

    @property
    def _attest(self) -> Path:
        return self.folder / "attest"

    def _path(self, operator: str) -> Path:
        return self._attest / f"{operator.lower()}.json"

    def _second(self, operator: str) -> Path:
        return self._attest / f"{operator.lower()}-second.json"


def _read(path: Path) -> AttestationMessage | None:
    try:
        return AttestationMessage.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
