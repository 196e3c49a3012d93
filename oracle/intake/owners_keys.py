"""Owners' words that the server's key may sign submissions for them."""

import time
from typing import Any

from sqlalchemy import Connection, delete, select

from oracle.errors import InputError, RefusedError
from oracle.records.schema.uploads import submission_keys
from oracle.settlement.submitters import MOST_ROUNDS, SubmissionKey
from oracle.settlement.typed_data import Domain, recover
from oracle.store.database import Database

_MOST = 16
"""Words of an owner that are kept: whatever he signs for, one of them should hold."""


class OwnersKeys:
    """Words of one tournament's owners; ``domain`` is its pool's."""

    def __init__(self, database: Database, tournament: int, domain: Domain) -> None:
        self._database, self._tournament, self.domain = database, tournament, domain

    def store(self, owner: str, key: SubmissionKey, signature: bytes) -> None:
        """Keeps what ``owner`` signed, of all the newest few. Raises ``InputError`` for a span that
        does not count, ``RefusedError`` where somebody else signed."""
        if not key.is_bounded():
            raise InputError(
                f"the span of rounds {key.first_round} to {key.last_round} does not count",
                f"at most {MOST_ROUNDS} rounds after the first one",
            )
        signer = recover(key, self.domain, signature)
        if signer is None or signer.lower() != owner.lower():
            raise RefusedError(
                "the submission key is not signed by this account's wallet",
                f"sign SubmissionKey for {self.domain.contract} on chain {self.domain.chain_id}",
            )
        row: dict[str, Any] = {
            "tournament": self._tournament,
            "owner": owner,
            "key": key.key,
            "first_round": key.first_round,
            "last_round": key.last_round,
            "signature": signature,
            "stored_at": int(time.time()),
        }
        insert = self._database.insert(submission_keys).values(row)
        again = insert.on_conflict_do_update(
            index_elements=["tournament", "owner", "key", "last_round"],
            set_={name: row[name] for name in ("first_round", "signature", "stored_at")},
        )
        table = submission_keys.c
        mine = (table.tournament == self._tournament, table.owner == owner)
        newest = select(table.last_round).where(*mine, table.key == key.key)
        newest = newest.order_by(table.stored_at.desc(), table.last_round.desc()).limit(_MOST)

        def work(connection: Connection) -> None:
            connection.execute(again)
            kept = connection.execute(newest).scalars().all()
            old = delete(submission_keys).where(*mine, table.key == key.key)
            connection.execute(old.where(table.last_round.not_in(kept)))

        self._database.run(work)

    def of(self, owner: str, key: str) -> list[tuple[SubmissionKey, bytes]]:
        """What ``owner`` signed for ``key``, the longest-lasting first."""
        table = submission_keys.c
        query = (
            select(table.first_round, table.last_round, table.signature)
            .where(table.tournament == self._tournament, table.owner == owner, table.key == key)
            .order_by(table.last_round.desc())
        )

        def work(connection: Connection) -> list[tuple[SubmissionKey, bytes]]:
            return [
                (SubmissionKey(key, row.first_round, row.last_round), bytes(row.signature))
                for row in connection.execute(query)
            ]

        return self._database.read(work)

    def for_round(self, owner: str, key: str, number: int) -> tuple[SubmissionKey, bytes] | None:
        """What allows ``key`` to sign for round ``number``, None without it."""
        return next((found for found in self.of(owner, key) if found[0].holds_for(number)), None)

    def unsigned(self, key: SubmissionKey) -> dict[str, Any]:
        """What a wallet is asked to sign: the arguments of ``eth_signTypedData_v4``."""
        return {
            "domain": {
                "name": "Assay",
                "version": "1",
                "chainId": self.domain.chain_id,
                "verifyingContract": self.domain.contract,
            },
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                "SubmissionKey": [{"name": n, "type": t} for n, t in SubmissionKey.fields.items()],
            },
            "primaryType": "SubmissionKey",
            "message": {
                "key": key.key,
                "first_round": key.first_round,
                "last_round": key.last_round,
            },
        }
