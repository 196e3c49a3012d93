"""The operators' signatures in a round's folder."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from oracle.errors import DifferenceError
from oracle.settlement.typed_data import Commit, Domain, digest, recover
from oracle.settlement.wire import AttestationMessage
from oracle.store.artefacts import read_file

_NAME = re.compile(r"0x[0-9a-f]{40}(-second)?\.json")


@dataclass(frozen=True, slots=True)
class Attested:
    """Operators that signed the result, and how many signatures there are of another one."""

    operators: frozenset[str]
    dissent: int


def check_attestations(
    folder: Path, commit: Commit, domain: Domain, pool: str, members: Collection[str]
) -> Attested:
    """Every ``attest/<operator>.json`` is that operator's, for this round of ``pool``, which is
    given with its checksum. Raises ``DifferenceError`` or ``ArtefactError`` naming the file."""
    own = digest(commit, domain)
    good: set[str] = set()
    dissent = 0
    for path in sorted((folder / "attest").glob("*.json")):
        if _NAME.fullmatch(path.name):
            who, shown = _signed(folder, f"attest/{path.name}", domain, members)
            if shown.round != commit.round or shown.pool not in (pool, pool.lower()):
                raise _differs(f"attest/{path.name}", "is for another round")
            if digest(shown, domain) == own:
                good.add(who)
            else:
                dissent += 1
    return Attested(frozenset(good), dissent)


def _signed(
    folder: Path, path: str, domain: Domain, members: Collection[str]
) -> tuple[str, Commit]:
    try:
        found = AttestationMessage.model_validate_json(read_file(folder, path)).attestation()
    except ValidationError as error:
        raise _differs(path, f"is no attestation: {error.errors()[0]['msg']}") from None
    who = recover(found.commit, domain, found.signature)
    if who is None or who not in members or not Path(path).stem.startswith(who.lower()):
        raise _differs(path, "is not signed by that operator")
    return who, found.commit


def _differs(path: str, text: str) -> DifferenceError:
    return DifferenceError(f"{path} {text}", path=path)
