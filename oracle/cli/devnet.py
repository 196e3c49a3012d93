"""``assay devnet``: a local chain with contracts and operators that stays."""

from pathlib import Path

import click

from oracle.chain.rpc import connect
from oracle.cli.output import Output, with_output
from oracle.devnet.clock import Clock
from oracle.devnet.folder import clear, only_one
from oracle.devnet.launch import Devnet
from oracle.devnet.topology import load
from oracle.errors import InputError, RefusedError
from oracle.settings import Settings


def _folder() -> Path:
    return (Settings().home / "devnet").resolve()


def _running() -> Devnet:
    """The devnet in this folder, running or not; an error if none was ever started."""
    topology = _folder() / "topology.json"
    if not topology.exists():
        raise InputError("there is no devnet here", "start one: assay devnet up")
    return Devnet.at(_folder(), load(topology), tied=False)


def operator_urls() -> list[str]:
    """Addresses of the running devnet's operators."""
    return [operator.url for operator in _running().topology.operators]


@click.group("devnet")
def command() -> None:
    """Keep a local chain with contracts and operators running.

    The chain has an id of its own and publicly known keys: nothing signed there is worth anything
    elsewhere. Account 0 deploys, 1 announces rounds, 2 to 5 are operators, 6 is the guardian, 7 the
    timelock's proposer, 8 relays stakers' signed intents, 9 provides targets, 10 to 15 hold NMR; 16
    and on are further operators.
    """


@command.command("up")
@click.option("--topology", type=click.Path(path_type=Path), help="Another topology (TOML).")
@click.option("--base-port", type=click.IntRange(1024, 65000), help="First of the ports.")
@click.option("--block-time", type=click.IntRange(1, 60), default=1, show_default=True)
@click.option(
    "--operators",
    type=click.IntRange(3, 16),
    help="How many operators; more than half of them sign.  [default: the topology's]",
)
@with_output
def up(
    topology: Path | None,
    base_port: int | None,
    block_time: int,
    operators: int | None,
    out: Output,
) -> None:
    """Start a chain, deploy the contracts, start the operators; they go on in the background."""
    declared = load(topology)
    if operators is not None:
        declared = declared.with_operators(operators)
    if base_port is not None:
        declared = declared.moved(base_port)
    folder = _folder()
    with only_one(folder):
        net = Devnet.at(folder, declared, tied=False)
        if net.processes.running():
            raise RefusedError("a devnet is running here", "use it, or stop it: assay devnet down")
        clear(folder)
        try:
            net.start_chain(block_time)
            out.say(f"chain {declared.chain.chain_id} at {declared.rpc}")
            record = net.deploy()
            out.say(f"pool {record.pool}")
            net.start_operators()
        except BaseException:
            net.stop()
            raise
    for operator in declared.operators:
        out.say(f"{operator.name} at {operator.url}")
    out.say(
        "Try: assay round announce --dev-account 1; assay models register NAME --dev-account 10"
    )
    out.result(
        {
            "chain_id": declared.chain.chain_id,
            "rpc": declared.rpc,
            "pool": record.pool,
            "operators": [operator.url for operator in declared.operators],
        }
    )


@command.command("status")
@with_output
def status(out: Output) -> None:
    """Show which processes run."""
    net = _running()
    alive = {record.name: record.pid for record in net.processes.running()}
    names = ["chain", *(operator.name for operator in net.topology.operators)]
    out.table(
        "Devnet",
        ("process", "state", ">pid"),
        ((name, "running" if name in alive else "stopped", alive.get(name, "")) for name in names),
    )
    out.result({"running": alive, "stopped": [name for name in names if name not in alive]})


@command.command("down")
@with_output
def down(out: Output) -> None:
    """Stop all processes; the files stay for looking at."""
    stopped = _running().stop()
    out.say(f"{stopped} processes stopped")
    out.result({"stopped": stopped})


@command.command("advance")
@click.argument("seconds", type=click.IntRange(1, 2**31))
@with_output
def advance(seconds: int, out: Output) -> None:
    """Move the chain's clock forward by SECONDS."""
    net = _running()
    clock = Clock(connect(net.topology.rpc, net.topology.chain.chain_id), net.topology.rpc)
    clock.advance_to(clock.now() + seconds)
    out.say(f"the chain's clock is at {clock.now()}")
    out.result({"now": clock.now()})
