"""Whether the server may sign a submission for a model's owner, and what to sign if not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from oracle.errors import InputError, RefusedError
from oracle.intake.desk import Desk
from oracle.intake.owners_keys import OwnersKeys
from oracle.intake.rows import Caller
from oracle.records.rounds import Rounds
from oracle.settlement.submitters import MOST_ROUNDS, SubmissionKey
from oracle.store.database import Database

USUAL_ROUNDS: Final = 365
"""For how many rounds an owner is asked to sign, where nothing else is said."""


@dataclass(frozen=True)
class Permits:
    """``desks`` by number of the tournament; ``url`` is where people reach the server."""

    database: Database
    desks: Mapping[int, Desk]
    url: str

    def key(self, tournament: int) -> str:
        """Address of the server's key. Raises ``RefusedError`` without one."""
        if tournament not in self.desks:
            raise InputError(f"there is no tournament {tournament} here")
        signer = self.desks[tournament].signer
        if signer is None:
            raise RefusedError(
                "this server has no key to sign submissions with", "send the file by `assay submit`"
            )
        return signer.address

    def wanted(self, tournament: int, rounds: int = USUAL_ROUNDS) -> SubmissionKey:
        """What an owner is asked to sign: from the newest known round on."""
        if not 1 <= rounds <= MOST_ROUNDS:
            raise InputError(f"1 to {MOST_ROUNDS} rounds")
        newest = Rounds(self.database).list(tournament, limit=1)
        first = newest[0].number if newest else 1
        return SubmissionKey(self.key(tournament), first, first + rounds)

    def unsigned(self, tournament: int, key: SubmissionKey) -> dict[str, Any]:
        """The arguments of ``eth_signTypedData_v4`` for it."""
        return self._keys(tournament).unsigned(key)

    def store(self, caller: Caller, tournament: int, key: SubmissionKey, signature: bytes) -> None:
        """Keeps the caller's word that the server's key may sign submissions of his models."""
        mine = self.key(tournament)
        if key.key.lower() != mine.lower():
            raise InputError(f"{key.key[:42]!a} is not this server's key", f"its key is {mine}")
        signed = SubmissionKey(mine, key.first_round, key.last_round)
        self._keys(tournament).store(caller.signed_in().address, signed, signature)

    def of(self, tournament: int, owner: str) -> list[SubmissionKey]:
        """What the owner has allowed, the longest-lasting first."""
        return [key for key, _ in self._keys(tournament).of(owner, self.key(tournament))]

    def require(
        self, tournament: int, model: int, owner: str, number: int
    ) -> tuple[SubmissionKey, bytes]:
        """The owner's word for round ``number``. Raises ``RefusedError`` naming where to sign."""
        found = self._keys(tournament).for_round(owner, self.key(tournament), number)
        if found is None:
            query = urlencode({"tournament": tournament, "model": model, "action": "submit"})
            page = f"{self.url}/sign?{query}"
            raise RefusedError(
                f"the model's owner has not allowed this server to sign submissions of round "
                f"{number} yet; sign once at {page}",
                f"sign at {page}",
            )
        return found

    def _keys(self, tournament: int) -> OwnersKeys:
        return OwnersKeys(self.database, tournament, self.desks[tournament].domain)
