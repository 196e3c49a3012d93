"""Announces the next round of a devnet's tournament.

ape run announce --network polygon:devnet:http://127.0.0.1:28545 --record FILE --horizon-days 30

With `--series FILE` (from `assay data phi --publish FILE`) phi and the series hash are those of a
volatility series; `--phi` and `--series-hash` name them by hand.
"""

from pathlib import Path

import click
from ape import accounts, chain, project
from ape.cli import ConnectedProviderCommand

from oracle.chain.record import load_record
from oracle.cli.schedule import PhiSource, Schedule, with_phi, with_schedule
from oracle.devnet.topology import ANNOUNCER, REAL_CHAINS
from oracle.errors import RefusedError
from oracle.scoring.volatility import PHI_ONE, decimal
from oracle.settlement.specs import NEWEST, SPECS
from scripts._output import readable_errors


@click.command(cls=ConnectedProviderCommand)
@click.option("--record", type=click.Path(path_type=Path), required=True, help="Deployment record.")
@with_schedule
@with_phi
@click.option(
    "--spec", type=click.Choice(list(SPECS)), default=NEWEST, help="Scoring specification."
)
def cli(record: Path, schedule: Schedule, phi_source: PhiSource, spec: str) -> None:
    """Announce the next round."""
    with readable_errors() as web3:
        if web3.eth.chain_id in REAL_CHAINS:
            raise RefusedError("this is a real network; this script signs with known keys")
        deployed = load_record(record)
        oracle = project.RoundOracle.at(deployed.contracts["RoundOracle"].address)
        # The pool counts rounds that were skipped too, which the oracle never saw.
        number = project.StakePool.at(deployed.pool).state().last_announced + 1
        now = chain.pending_timestamp
        opens, closes, horizon = schedule.times(now)
        phi, series_hash = phi_source.announced(oracle.latest().phi, now)
        oracle.announce(
            number,
            opens,
            closes,
            horizon,
            phi,
            series_hash,
            SPECS[spec].hash,
            sender=accounts.test_accounts[ANNOUNCER],
        )
        click.echo(
            f"round {number} opens at {opens}, closes at {closes}, phi {decimal(phi, PHI_ONE)}"
        )
