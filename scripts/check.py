"""Compares a live deployment with its record and its sources.

ape run check --record FILE --network polygon:mainnet:node [--json]

Exit code 1 if anything differs, every difference named; 0 if nothing does, also where a value was
changed through the timelock since. Other codes: there was nothing to compare (docs/cli.md).
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from ape.cli import ConnectedProviderCommand
from ape.logging import LogLevel, logger

from oracle.chain.record import DeploymentRecord, load_record
from oracle.errors import InputError
from scripts._output import readable_errors

if TYPE_CHECKING:
    from scripts._compare import Report


def _print(record: DeploymentRecord, report: "Report") -> None:
    click.echo(f"tournament {report.tournament} on chain {report.chain_id}, block {report.block}")
    for name, contract in record.contracts.items():
        click.echo(f"  {name:<14}{contract.address}")
    for name, why in report.stand_ins.items():
        click.echo(f"stand-in {name}: {why}")
    for finding in report.changes:
        click.echo(str(finding))
    for finding in report.differences:
        click.echo(f"DIFFERENT {finding}")
    deployers = ", ".join(sorted({c.deployer for c in record.contracts.values()}))
    if not report.differences:
        click.echo(f"{report.checks} checks passed; deployer {deployers} holds no role")


class _Command(ConnectedProviderCommand):
    """Keeps Ape's messages about the connection, on standard output, away from JSON."""

    def invoke(self, ctx: click.Context) -> Any:
        if ctx.params["as_json"]:
            logger.set_level(LogLevel.ERROR)
        return super().invoke(ctx)


@click.command(cls=_Command)
@click.option("--record", "path", type=click.Path(path_type=Path), required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def cli(path: Path, as_json: bool) -> None:
    """Compare a live deployment with its record and its sources."""
    # Loading the compiler takes seconds, and Ape loads every script to list them.
    from scripts._compare import Comparison
    from scripts._compiled import compile_contract

    with readable_errors() as web3:
        record = load_record(path)
        if web3.eth.chain_id != record.chain_id:
            raise InputError(
                f"this is chain {web3.eth.chain_id}, the record is of {record.chain_id}",
                "pass --network for the right one",
            )
        evm = record.compiler.evm_version
        compiled = {name: compile_contract(name, evm) for name in record.contracts}
        report = Comparison(web3, record, compiled).run()
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=1))
    else:
        _print(record, report)
    if report.differences:
        raise SystemExit(1)
