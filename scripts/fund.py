"""Gives a devnet its NMR: to the stakers and to the pool's vault. Gas money is there from genesis.

ape run fund --network polygon:devnet:http://127.0.0.1:28545 --topology FILE --record FILE
"""

from pathlib import Path

import click
from ape import accounts, networks, project
from ape.cli import ConnectedProviderCommand

from oracle.chain.record import load_record
from oracle.devnet.topology import REAL_CHAINS, exact, load

_DEPLOYER = 0
_WEI_PER_NMR = 10**18


@click.command(cls=ConnectedProviderCommand)
@click.option(
    "--topology", "topology_file", type=click.Path(path_type=Path), help="Topology (TOML)."
)
@click.option("--record", type=click.Path(path_type=Path), required=True, help="Deployment record.")
def cli(topology_file: Path | None, record: Path) -> None:
    """Fund stakers, operators and the vault of a devnet."""
    if networks.provider.chain_id in REAL_CHAINS:
        raise click.ClickException("this is a real network; funding is for devnets only")
    topology, deployed = load(topology_file), load_record(record)
    deployer = accounts.test_accounts[_DEPLOYER]
    token = project.ChildNmr.at(deployed.contracts["ChildNmr"].address)
    pool = project.StakePool.at(deployed.pool)

    vault = exact(topology.tournament.vault.nmr, _WEI_PER_NMR, "vault.nmr")
    if vault:
        token.approve(pool, vault, sender=deployer)
        pool.fund(vault, sender=deployer)
    stakers = topology.stakers
    each = exact(stakers.nmr, _WEI_PER_NMR, "stakers.nmr")
    people = [*range(stakers.first_account, stakers.first_account + stakers.count)]
    for index in people:
        token.transfer(accounts.test_accounts[index], each, sender=deployer)
    click.echo(f"vault {topology.tournament.vault.nmr} NMR, {len(people)} stakers funded")
