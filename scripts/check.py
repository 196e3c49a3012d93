"""Compares what is live with its record and its sources; reads only.

A tournament's deployment, and a bridge with the contracts of Polygon's that it goes through:

    ape run check --network polygon:mainnet:node --record FILE [--root-rpc URL] [--json]
    ape run check --network polygon:mainnet:node --bridge FILE --root-rpc URL [--json]

Exit code 1 if anything differs, every difference named; 0 if nothing does, also where a value was
changed through the timelock since. Other codes: there was nothing to compare (docs/cli.md).
"""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from ape.cli import ConnectedProviderCommand
from ape.logging import LogLevel, logger
from web3 import Web3

from oracle.bridge.record import ROOT_RPC_VARIABLE, load_bridge
from oracle.chain.record import DeploymentRecord, load_record
from oracle.chain.rpc import connect
from oracle.errors import InputError
from scripts._output import readable_errors

if TYPE_CHECKING:
    from scripts._bridge_check import BridgeReport
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
    for name in report.not_looked_at:
        click.echo(f"NOT LOOKED AT {name}: it is on the root chain; pass --root-rpc")
    deployers = ", ".join(sorted({c.deployer for c in record.contracts.values()}))
    if not report.differences:
        click.echo(f"{report.checks} checks passed; deployer {deployers} holds no role")


def _print_bridge(report: "BridgeReport") -> None:
    blocks = ", ".join(f"{side} block {number}" for side, number in report.blocks.items())
    click.echo(f"bridge {report.name}, {blocks}")
    for name, why in report.stand_ins.items():
        click.echo(f"stand-in {name}: {why}")
    for finding in report.findings:
        click.echo(str(finding))
    counts = Counter(finding.verdict for finding in report.findings)
    click.echo(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


class _Command(ConnectedProviderCommand):
    """Keeps Ape's messages about the connection, on standard output, away from JSON."""

    def invoke(self, ctx: click.Context) -> Any:
        if ctx.params["as_json"]:
            logger.set_level(LogLevel.ERROR)
        return super().invoke(ctx)


EVM = "prague"
"""What a vault is compiled for that somebody else deployed: as ape-config.yaml says."""
_File = click.Path(path_type=Path, dir_okay=False)


@click.command(cls=_Command)
@click.option("--record", "record_file", type=_File, help="Record of a tournament's deployment.")
@click.option("--bridge", "bridge_file", type=_File, help="Record of a bridge.")
@click.option(
    "--root-rpc",
    envvar=ROOT_RPC_VARIABLE,
    help="RPC address of the root chain.",
    show_envvar=True,
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def cli(
    record_file: Path | None, bridge_file: Path | None, root_rpc: str | None, as_json: bool
) -> None:
    """Compare what is live with its record and its sources."""
    if (record_file is None) == (bridge_file is None):
        raise click.UsageError("pass either --record or --bridge")
    with readable_errors() as web3:
        if record_file is not None:
            ok = _check_tournament(web3, record_file, root_rpc, as_json=as_json)
        else:
            assert bridge_file
            ok = _check_bridge(web3, bridge_file, root_rpc, as_json=as_json)
    if not ok:
        raise SystemExit(1)


# Loading the compiler takes seconds, and Ape loads every script to list them: hence the imports in
# functions.


def _check_tournament(web3: Web3, path: Path, root_rpc: str | None, *, as_json: bool) -> bool:
    from scripts._compare import Comparison
    from scripts._compiled import compile_contract

    record = load_record(path)
    _require_chain(web3, record.chain_id)
    evm = record.compiler.evm_version
    others = [c.chain_id for c in record.contracts.values() if c.chain_id is not None]
    root = connect(root_rpc, others[0]) if others and root_rpc else None
    compiled = {name: compile_contract(name, evm) for name in record.contracts}
    report = Comparison(web3, record, compiled, root).run()
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=1))
    else:
        _print(record, report)
    return not report.differences


def _check_bridge(web3: Web3, path: Path, root_rpc: str | None, *, as_json: bool) -> bool:
    from scripts._bridge_check import check_bridge
    from scripts._compiled import compile_contract

    record = load_bridge(path)
    _require_chain(web3, record.child.chain_id)
    if root_rpc is None:
        raise click.UsageError("a bridge is on two chains: pass --root-rpc")
    root = connect(root_rpc, record.root.chain_id)
    evm = record.deployment.compiler.evm_version if record.deployment else EVM
    compiled = {name: compile_contract(name, evm) for name in ("BurnVault", *record.contracts)}
    report = check_bridge(root, web3, record, compiled)
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=1))
    else:
        _print_bridge(report)
    return report.ok


def _require_chain(web3: Web3, chain_id: int) -> None:
    if web3.eth.chain_id != chain_id:
        raise InputError(
            f"this is chain {web3.eth.chain_id}, the record is of {chain_id}",
            "pass --network for the right one",
        )
