"""Operators' real ingests on real HTTP servers, for a tournament server to send submissions to."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account as Wallets
from eth_account.signers.local import LocalAccount
from in_process_tournament import connected
from ingest_world import served
from server_world import URL, ServerWorld, Serving

from oracle.accounts.caller import ALL, Caller
from oracle.chain.reader import PoolReader
from oracle.chain.signing import LocalSigner, sign
from oracle.intake.rows import Submission
from oracle.operator.ingest import Ingest
from oracle.operator.intake import open_ingest
from oracle.settlement.submitters import SubmissionKey
from oracle.settlement.typed_data import Submission as Said
from oracle.store.database import Database
from oracle.store.sealing import Identity

SUBMITTER: LocalAccount = Wallets.from_key(bytes([77]) * 32)
"""The server's key for submissions."""


@dataclass
class Operators:
    """``ingests`` by the address that each is reached at."""

    world: ServerWorld
    ingests: dict[str, Ingest]

    def config(self, folder: Path, **changes: Any) -> dict[str, Any]:
        """Fields of a server's configuration: these operators, the submitting key in ``folder``,
        a folder for data sets; ``changes`` are of its tournament."""
        folder.mkdir(parents=True, exist_ok=True)
        key = folder / "submitter.env"
        key.touch(0o600)
        key.write_text(f"ASSAY_OPERATOR_KEY=0x{bytes(SUBMITTER.key).hex()}\n")
        where = self.world.reader.addresses
        tournament = {
            "number": where.tournament,
            "chain_id": where.chain_id,
            "pool": where.pool,
            "chain": {"urls": [URL]},
            "sources": [str(self.world.artefacts)],
            "operators": list(self.ingests),
            "data": str(self.world.provider),
            "datasets": str(folder / "datasets"),
            **changes,
        }
        return {
            "tournaments": [tournament],
            "submitter": {"kind": "envfile", "file": str(key)},
        }

    def files(self, number: int, model: int) -> list[dict[Said, bytes]]:
        """What each operator has of a model, opened."""
        return [
            {
                item.key: ingest.identity.open(ingest.journal.sealed(number, item.key.sha256))
                for item in ingest.journal.listed(number)
                if item.key.model == model
            }
            for ingest in self.ingests.values()
        ]


@contextmanager
def serving_operators(world: ServerWorld, folder: Path) -> Iterator[Operators]:
    """All operators of the tournament, each with a database of its own."""
    with ExitStack() as stack:
        ingests = {}
        for number, account in enumerate(world.operators):
            database = Database.open(folder / f"operator-{number}.sqlite")
            stack.callback(database.close)
            ingest = open_ingest(
                PoolReader(connected(world.chain), URL, world.reader.addresses.pool),
                database,
                world.provider,
                LocalSigner(account),
                Identity.new(),
                url="http://127.0.0.1:1",
            )
            ingests[stack.enter_context(served(ingest))] = ingest
        yield Operators(world, ingests)


def caller(serving: Serving, wallet: LocalAccount) -> Caller:
    """As if the wallet had signed in."""
    account = serving.services.accounts.people.met(wallet.address, 1)
    return Caller(account, ALL)


def token(serving: Serving, wallet: LocalAccount, *scopes: str) -> dict[str, str]:
    """Headers of a new token of the wallet's account."""
    account = serving.services.accounts.people.met(wallet.address, 1)
    named = list(scopes) or [str(scope) for scope in ALL]
    made = serving.services.accounts.create_token(account, "test", named, None)
    return {"Authorization": f"Token {made.token.public_id}${made.secret}"}


def allow(serving: Serving, world: ServerWorld, wallet: LocalAccount, rounds: int = 100) -> None:
    """The wallet lets the server's key sign submissions, over HTTP as a page would."""
    number = world.reader.addresses.tournament
    headers, path = token(serving, wallet), f"/v1/tournaments/{number}/submission-key"
    asked = serving.client.get(path, headers=headers, params={"rounds": rounds})
    assert asked.status_code == 200, asked.text
    wanted = SubmissionKey(**asked.json()["wanted"])
    signature = sign(LocalSigner(wallet), wanted, world.domain)
    body = {
        "first_round": wanted.first_round,
        "last_round": wanted.last_round,
        "signature": "0x" + signature.hex(),
    }
    answer = serving.client.put(path, headers=headers, json=body)
    assert answer.status_code == 201, answer.text


def reasons(rows: list[Submission]) -> list[tuple[str, int, str]]:
    return [(row.status, row.round, row.reason) for row in rows]
