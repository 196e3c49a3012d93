"""Two chains with the burn vault, and a staker with NMR on both."""

from collections.abc import Iterator
from contextlib import contextmanager

from two_chains import NMR, TwoChains
from vaulted_chains import vaulted_chains

from oracle.chain.keys import dev_account

STAKER, STRANGER = 10, 11


@contextmanager
def bridged_staker() -> Iterator[TwoChains]:
    """The staker has 100 NMR on each chain."""
    with vaulted_chains() as chains:
        chains.give(STAKER, 200 * NMR)
        chains.deposit(STAKER, 100 * NMR)
        chains.settle_syncs()
        yield chains


def on_child(chains: TwoChains, account: int) -> int:
    """What the account holds there, in wei."""
    return int(chains.child_token.functions.balanceOf(dev_account(account).address).call())


def on_root(chains: TwoChains, account: int) -> int:
    return int(chains.root_token.functions.balanceOf(dev_account(account).address).call())
