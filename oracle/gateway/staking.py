"""What stakes go through for the tournaments that are served."""

from oracle.chain.outbox import Outbox
from oracle.chain.signers import open_signer
from oracle.gateway.services import Services
from oracle.gateway.tasks import Task
from oracle.staking.desk import StakeDesk
from oracle.staking.evidence import Evidence
from oracle.staking.meta_model import MetaModels
from oracle.staking.relaying import Staking
from oracle.staking.transactions import Transactions
from oracle.staking.v3 import V3
from oracle.store.transactions import TransactionStore

_TEND_SECONDS = 2.0
_WAIT_SECONDS = 4.0
"""How long a request waits for its block; then its answer says that it is under way."""


def desks_of(services: Services) -> dict[int, StakeDesk]:
    """One outbox a chain: its transactions share the relayer's nonces."""
    signer, outboxes = open_signer(services.config.relayer), dict[int, Outbox]()
    desks = {}
    for number, one in services.tournaments.items():
        reader = one.ledger.reader
        chain_id = reader.addresses.chain_id
        if signer is not None and chain_id not in outboxes:
            outboxes[chain_id] = Outbox(
                reader.web3,
                signer,
                TransactionStore(services.database, chain_id),
                url=reader.url,
                wait=_WAIT_SECONDS,
                max_fee_gwei=_most_paid(services, chain_id),
            )
        desks[number] = StakeDesk(reader, outboxes.get(chain_id), services.config.url, one.now)
    return desks


def _most_paid(services: Services, chain_id: int) -> int:
    """The least cap of the chain's tournaments, since one account pays for all of them."""
    chains = [one.chain for one in services.config.tournaments if one.chain_id == chain_id]
    return min(chain.max_fee_gwei for chain in chains)


def staking_of(services: Services) -> Staking:
    rates = services.accounts.rates

    def count(account: str) -> None:
        rates.count("stake", account)
        rates.count("relayer", "")
        services.health.relayed()

    return Staking(services.database, services.part(desks_of), count)


def transactions_of(services: Services) -> dict[int, Transactions]:
    """By number of the tournament."""
    return {number: Transactions(desk) for number, desk in services.part(desks_of).items()}


def evidence_of(services: Services) -> dict[int, Evidence]:
    """By number of the tournament."""
    return {
        number: Evidence(number, services.database, one.ledger.reader, one.ledger.folders)
        for number, one in services.tournaments.items()
    }


def meta_models_of(services: Services) -> dict[int, MetaModels]:
    """By number of the tournament."""
    return {number: MetaModels(one.ledger.folders) for number, one in services.tournaments.items()}


def v3_of(services: Services) -> V3:
    return V3(services.database, services.part(desks_of), services.part(evidence_of))


def tasks(services: Services) -> list[Task]:
    """Looking after what was sent; nothing to do without a relayer."""
    if services.config.relayer is None:
        return []
    return [Task("tend relayed requests", _TEND_SECONDS, services.part(staking_of).tend)]
