"""What the chain says of a round, as evidence against its result is held against it."""

from oracle.chain.reader import PoolReader
from oracle.errors import RefusedError
from oracle.settlement.evidence import ChainFacts


def chain_facts(reader: PoolReader, number: int) -> ChainFacts:
    """Raises ``RefusedError`` for a round that was never announced."""
    announced, committed = reader.announced(number), reader.committed(number)
    if announced is None:
        raise RefusedError(f"round {number} was never announced", "see `assay round list`")
    where = reader.addresses
    return ChainFacts(
        chain_id=where.chain_id,
        pool=where.pool,
        oracle=where.oracle,
        round=number,
        opens=announced.opens,
        closes=announced.closes,
        due=announced.closes + announced.horizon,
        members=frozenset(reader.members(number)),
        receipts_needed=reader.receipts_needed(number),
        manifest=None if committed is None else committed.manifest,
    )
