"""Where burns stand on their way out of the supply, as somebody who watches sees it."""

from dataclasses import dataclass

from oracle.bridge.checkpoints import newest
from oracle.bridge.contracts import contract
from oracle.bridge.interfaces import CHILD_TOKEN
from oracle.bridge.sweeping import Left, Sweeper, Vault
from oracle.bridge.syncs import last_synced, sync_count
from oracle.chain.rpc import readable


@dataclass(frozen=True, slots=True)
class VaultSight:
    """What a burn vault holds, and what it ever swept, in wei."""

    balance: int
    swept: int


@dataclass(frozen=True, slots=True)
class BridgeSight:
    """``owed``: the child vault's burns in a checkpoint that the root chain has not paid.
    ``oldest``: block time of the oldest burn that is not paid, in a checkpoint or not; None if all
    are. ``checkpoint_at``: when the newest checkpoint was made, None before the first.
    ``syncs_sent`` and ``syncs_taken``: ids of the last state syncs on the root and child chain.
    """

    root: VaultSight
    left: Left
    owed: int
    oldest: int | None
    checkpoint_at: int | None
    syncs_sent: int
    syncs_taken: int


def vault_sight(vault: Vault, token: str) -> VaultSight:
    """Of one chain; a vault that is not there yet may hold something all the same."""
    with readable(vault.side.url):
        of = contract(vault.side.web3, token, CHILD_TOKEN).functions.balanceOf(vault.address)
        balance = of.call()
    return VaultSight(balance, vault.ask("swept") if vault.is_there() else 0)


def bridge_sight(sweeper: Sweeper) -> BridgeSight:
    """A look at both chains. Raises UnreachableError where an endpoint fails."""
    record, root, child = sweeper.record, sweeper.root, sweeper.child
    with readable(root.url):
        last = newest(root.web3, record)
        sent = sync_count(root.web3, record)
    with readable(child.url):
        taken = last_synced(child.web3, record)
    waiting = sweeper.waiting()
    left = sweeper.left(waiting)
    return BridgeSight(
        root=vault_sight(Vault(root, str(record.burn_vault)), record.root.token),
        left=left,
        owed=len(waiting),
        oldest=sweeper.oldest(waiting) if waiting or left.burnt else None,
        checkpoint_at=None if last is None else last.created_at,
        syncs_sent=sent,
        syncs_taken=taken,
    )
