"""Announces the next round of a devnet's tournament.

ape run announce --network polygon:devnet:http://127.0.0.1:28545 --record FILE --horizon-days 30
"""

from pathlib import Path

import click
from ape import accounts, chain, networks, project
from ape.cli import ConnectedProviderCommand

from oracle.chain.record import load_record
from oracle.devnet.topology import REAL_CHAINS
from oracle.settlement.typed_data import SPEC_HASH

_ANNOUNCER = 1
_HOUR, _DAY = 3600, 86_400
_PHI_ONE = 10**6


@click.command(cls=ConnectedProviderCommand)
@click.option("--record", type=click.Path(path_type=Path), required=True, help="Deployment record.")
@click.option("--opens-in-hours", type=click.FloatRange(0, 8760), default=24.0, show_default=True)
@click.option(
    "--open-hours",
    type=click.FloatRange(0.001, 8760),
    default=2.0,
    show_default=True,
    help="How long it is open.",
)
@click.option(
    "--horizon-days",
    type=click.FloatRange(0.00001, 3650),
    default=30.0,
    show_default=True,
    help="Close to scores.",
)
def cli(record: Path, opens_in_hours: float, open_hours: float, horizon_days: float) -> None:
    """Announce the next round."""
    if networks.provider.chain_id in REAL_CHAINS:
        raise click.ClickException("this is a real network; this script signs with known keys")
    oracle = project.RoundOracle.at(load_record(record).contracts["RoundOracle"].address)
    number = oracle.latest().number + 1
    opens = chain.pending_timestamp + int(opens_in_hours * _HOUR)
    closes = opens + int(open_hours * _HOUR)
    oracle.announce(
        number,
        opens,
        closes,
        int(horizon_days * _DAY),
        _PHI_ONE,
        bytes(32),
        SPEC_HASH,
        sender=accounts.test_accounts[_ANNOUNCER],
    )
    click.echo(f"round {number} opens at {opens}, closes at {closes}")
