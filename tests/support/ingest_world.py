"""An operator's ingest over a real database, real keys and real encryption; only the chain's
answers are given."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from eth_account import Account
from eth_account.signers.local import LocalAccount
from synthetic_round import ANNOUNCEMENT, IDS, ORACLE, POOL, TARGET, csv, predictions

from oracle.chain.reader import Addresses
from oracle.chain.rpc import Block
from oracle.chain.signing import LocalSigner
from oracle.operator.ingest import Ingest
from oracle.operator.intake import open_ingest
from oracle.operator.limits import Limits
from oracle.operator.server import build, settings
from oracle.settlement.manifest import CloseBlock
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Announcement, Domain, Submission, Targets, message
from oracle.settlement.wire import payload
from oracle.store.database import Database
from oracle.store.sealing import Identity, seal
from oracle.tournaments.universe import targets_bytes, universe_bytes

ROUND, OPENS, CLOSES = ANNOUNCEMENT.round, ANNOUNCEMENT.opens, ANNOUNCEMENT.closes
DUE = CLOSES + ANNOUNCEMENT.horizon
TIMES = range(OPENS, DUE)
CHAIN_ID = 731371
DOMAIN = Domain(CHAIN_ID, POOL)
ADDRESSES = Addresses(
    CHAIN_ID, POOL, ORACLE, registry=POOL, relay=POOL, token=POOL, burn_vault=POOL, tournament=8
)
OWNER, STRANGER, SELF, PEER, OTHER_PEER, PROVIDER = (
    Account.from_key(bytes([n]) * 32) for n in range(1, 7)
)
OPERATORS = (SELF, PEER, OTHER_PEER)
SIGNERS = frozenset(a.address for a in OPERATORS)
IDENTITIES = {a.address: Identity.new() for a in OPERATORS}
MODEL = 2
RAW = csv(predictions(MODEL))
TARGETS_RAW = targets_bytes(IDS, TARGET)


@dataclass
class ChainStandIn:
    """Stands in for the chain: answers what a ``PoolReader`` would, from plain fields."""

    now: int = OPENS
    owners: dict[int, str] = field(default_factory=lambda: {MODEL: OWNER.address})
    rounds: dict[int, Announcement] = field(default_factory=lambda: {ROUND: ANNOUNCEMENT})
    former: dict[int, set[str]] = field(default_factory=dict)
    at_close: dict[int, str] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    addresses: Addresses = ADDRESSES

    def operators(self) -> list[str]:
        return sorted(SIGNERS)

    def members(self, number: int) -> list[str]:
        return sorted(SIGNERS)

    def signers(self, number: int) -> list[str]:
        return sorted(SIGNERS - self.revoked)

    def newest(self) -> Block:
        return Block(7, "0x" + "00" * 32, self.now)

    def announced(self, number: int) -> Announcement | None:
        return self.rounds.get(number)

    def owner_of(self, model: int, at: int | None = None) -> str | None:
        return (self.owners if at is None else self.at_close).get(model)

    def former_owners(self, model: int) -> set[str]:
        return self.former.get(model, set())

    def close_block(self, closes: int) -> CloseBlock:
        return CloseBlock(number=5, hash="0x" + "05" * 32, timestamp=closes - 1)


class NoResults:
    """An operator that has not evaluated anything yet."""

    folder: Path | None = None

    def __init__(self) -> None:
        self.evidence: Any = None

    def _nothing(self, number: int) -> None:
        return None

    own_attestation = confirmation = _nothing

    def votes(self, number: int, challenge: bytes) -> list[Any]:
        return []

    def draft(self, number: int, digest: bytes, page: int) -> bytes | None:
        return None

    def draft_targets(self, number: int, digest: bytes) -> bytes | None:
        return None

    def attestations_of(self, number: int, operator: str) -> list[Any]:
        return []

    def shown_folder(self, number: int) -> Path | None:
        return self.folder

    def health(self) -> dict[str, object]:
        return {"seconds_since_cycle": None, "error": ""}


def new_ingest(
    folder: Path,
    chain: ChainStandIn,
    account: LocalAccount = SELF,
    *,
    url: str = "http://127.0.0.1:1",
    allow_plaintext: bool = False,
    providers: tuple[str, ...] = (PROVIDER.address,),
) -> Ingest:
    """One operator's ingest with a database of its own in ``folder``."""
    provider = folder / "provider" / str(ROUND)
    provider.mkdir(parents=True, exist_ok=True)
    (provider / "universe.csv").write_bytes(universe_bytes(IDS))
    return open_ingest(
        chain,  # type: ignore[arg-type]
        Database.open(database_path(folder, account)),
        folder / "provider",
        LocalSigner(account),
        IDENTITIES[account.address],
        url=url,
        providers=providers,
        allow_plaintext=allow_plaintext,
    )


def database_path(folder: Path, account: LocalAccount = SELF) -> Path:
    return folder / f"{account.address}.sqlite"


def signed(struct: Any, account: LocalAccount, domain: Domain = DOMAIN) -> bytes:
    return bytes(account.sign_message(message(struct, domain)).signature)


def key_of(raw: bytes = RAW, *, model: int = MODEL, sequence: int = 1) -> Submission:
    return Submission(ROUND, model, hashlib.sha256(raw).digest(), sequence)


def to_operators(raw: bytes, *accounts: LocalAccount, recipient: str = "") -> bytes:
    """``raw`` encrypted to the accounts' operators, to all without any."""
    known = [IDENTITIES[a.address].recipient for a in accounts or OPERATORS]
    return seal(payload(raw, recipient), known)


def signed_targets(raw: bytes = TARGETS_RAW, release_at: int = DUE) -> Targets:
    return Targets(ROUND, hashlib.sha256(raw).digest(), release_at)


def plain_files(ingest: Ingest, round_number: int = ROUND) -> dict[Submission, bytes]:
    """What is kept for a round, opened."""
    journal, identity = ingest.journal, ingest.identity
    return {
        item.key: identity.open(journal.sealed(round_number, item.key.sha256))
        for item in journal.listed(round_number)
    }


def kept(ingest: Ingest) -> list[tuple[Submission, str, int]]:
    receipts: Iterator[SignedReceipt] = ingest.journal.receipts(ROUND)
    return [(r.key, r.operator, r.received) for r in receipts]


@contextmanager
def served(ingest: Ingest, limits: Limits = Limits()) -> Iterator[str]:  # noqa: B008 - frozen
    """The operator's real HTTP server on a free port of loopback; yields its URL."""
    config = settings(build(ingest, NoResults(), limits), limits)
    config.port = 0
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    started = threading.Event()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        started.wait(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
