"""A devnet's NMR."""

import click
from ape import accounts, project

from oracle.chain.keys import dev_account
from oracle.chain.record import DeploymentRecord
from oracle.devnet.topology import DEPLOYER, Topology, exact
from oracle.settlement.units import WEI_PER_UNIT

_WEI_PER_NMR = 10**18


def fund(topology: Topology, deployed: DeploymentRecord) -> None:
    """Tops up vault and stakers to what the topology says, from the deployer's supply."""
    deployer = accounts.test_accounts[DEPLOYER]
    token = project.ChildNmr.at(deployed.contracts["ChildNmr"].address)
    pool = project.StakePool.at(deployed.pool)

    vault = exact(topology.tournament.vault.nmr, _WEI_PER_NMR, "vault.nmr")
    missing = vault - pool.totals().vault * WEI_PER_UNIT
    if missing > 0:
        token.approve(pool, missing, sender=deployer)
        pool.fund(missing, sender=deployer)
    stakers = topology.stakers
    each = exact(stakers.nmr, _WEI_PER_NMR, "stakers.nmr")
    for index in range(stakers.first_account, stakers.first_account + stakers.count):
        staker = dev_account(index).address
        missing = each - token.balanceOf(staker)
        if missing > 0:
            token.transfer(staker, missing, sender=deployer)
    click.echo(f"vault {topology.tournament.vault.nmr} NMR, {stakers.count} stakers funded")
