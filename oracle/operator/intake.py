"""Putting together what takes in files: submissions, targets, cards."""

from collections.abc import Iterable
from pathlib import Path

from oracle.chain.reader import PoolReader
from oracle.chain.signing import Signer
from oracle.operator.cards import Cards
from oracle.operator.history import History
from oracle.operator.ingest import Ingest
from oracle.operator.targets import RoundData, TargetDesk
from oracle.settlement.typed_data import Domain
from oracle.store.cards import CardBook
from oracle.store.database import Database
from oracle.store.diagnostics import DiagnosticsHistory
from oracle.store.journal import Journal
from oracle.store.sealing import Identity
from oracle.store.vault import TargetVault
from oracle.tournaments import by_number


def open_ingest(
    reader: PoolReader,
    database: Database,
    folder: Path,
    signer: Signer | None,
    identity: Identity,
    *,
    url: str,
    providers: Iterable[str] = (),
    allow_plaintext: bool = False,
) -> Ingest:
    """One operator's ingest over its database.

    ``folder`` is the data provider's, ``url`` where others reach this operator, ``providers`` the
    addresses that may put targets into the vault. Without a signer it takes nothing and has no
    card, but reads as usual.
    """
    domain = Domain(reader.addresses.chain_id, reader.addresses.pool)
    cards = Cards(CardBook(database), domain, identity.recipient)
    if signer is not None:
        cards.issue(signer, url)
    vault = TargetVault(database, identity)
    data = RoundData(folder, vault, lambda: reader.newest().timestamp)
    known = frozenset(providers)
    return Ingest(
        reader=reader,
        journal=Journal(database),
        data=data,
        signer=signer,
        identity=identity,
        cards=cards,
        desk=TargetDesk(reader, data, vault, identity, cards, known, allow_plaintext),
        history=History(
            reader,
            data,
            DiagnosticsHistory(database, identity),
            by_number(reader.addresses.tournament),
        ),
        allow_plaintext=allow_plaintext,
    )
