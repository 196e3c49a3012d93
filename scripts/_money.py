"""A devnet's NMR."""

import click
from ape import accounts, project

from oracle.chain.record import DeploymentRecord
from oracle.devnet.topology import DEPLOYER, Topology, exact
from oracle.errors import RefusedError
from oracle.settlement.units import WEI_PER_UNIT

_WEI_PER_NMR = 10**18


def fund(topology: Topology, deployed: DeploymentRecord) -> None:
    """Tops up the pool's vault to what the topology says, from what the deployer has."""
    deployer = accounts.test_accounts[DEPLOYER]
    token = project.ChildNmr.at(deployed.contracts["StakePool"].arguments["token"])
    pool = project.StakePool.at(deployed.pool)
    vault = exact(topology.tournament.vault.nmr, _WEI_PER_NMR, "vault.nmr")
    missing = vault - pool.totals().vault * WEI_PER_UNIT
    held = token.balanceOf(deployer)
    if missing > held:
        raise RefusedError(
            f"the deployer {deployer.address} has {held / _WEI_PER_NMR:,.18g} NMR on this chain, "
            f"the pool's vault lacks {missing / _WEI_PER_NMR:,.18g}",
            "bridge some more to it",
        )
    if missing > 0:
        token.approve(pool, missing, sender=deployer)
        pool.fund(missing, sender=deployer)
    click.echo(f"vault {topology.tournament.vault.nmr} NMR")
