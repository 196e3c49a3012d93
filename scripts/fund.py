"""Fills the vault of a devnet's pool from what the deployer has there.

ape run fund --network polygon:devnet:http://127.0.0.1:28545 --topology FILE --record FILE

Run again, it gives what is missing.
"""

from pathlib import Path

import click
from ape.cli import ConnectedProviderCommand

from oracle.chain.record import load_record
from oracle.devnet.topology import REAL_CHAINS, load
from oracle.errors import RefusedError
from scripts._money import fund
from scripts._output import readable_errors


@click.command(cls=ConnectedProviderCommand)
@click.option(
    "--topology", "topology_file", type=click.Path(path_type=Path), help="Topology (TOML)."
)
@click.option("--record", type=click.Path(path_type=Path), required=True, help="Deployment record.")
def cli(topology_file: Path | None, record: Path) -> None:
    """Fill the vault of a devnet's pool."""
    with readable_errors() as web3:
        if web3.eth.chain_id in REAL_CHAINS:
            raise RefusedError("this is a real network; funding is for devnets only")
        fund(load(topology_file), load_record(record))
