"""``assay devnet``: two local chains, contracts, operators and a tournament server that stay."""

from pathlib import Path

import click

from oracle.chain.keys import dev_account
from oracle.cli.devnet_faucet import faucet
from oracle.cli.output import Output, with_output
from oracle.devnet.folder import clear, only_one
from oracle.devnet.launch import Devnet
from oracle.devnet.topology import DEPLOYER, exact, load
from oracle.errors import InputError, RefusedError
from oracle.settings import Settings

_WEI_PER_NMR = 10**18


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
    """Keep two local chains with contracts, operators and a tournament server running.

    The one stands for Polygon and has the tournament, the other one for Ethereum, where NMR is at
    home; Polygon's own bridge is between them. The chains have ids of their own and publicly known
    keys: nothing signed there is worth anything elsewhere. Account 0 deploys, 1 announces rounds,
    2 to 5 are operators, 6 is the guardian, 7 the timelock's proposer, 8 relays stakers' signed
    intents, 9 provides targets, 10 to 15 hold NMR on both chains; 16 and on are further operators,
    40 to 43 sign checkpoints, 60 and 61 are the server's keys, 62 can stop NMR, 63 has what is left
    of it.
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
    """Start two chains, deploy bridge and contracts, start the operators and the tournament server;
    all of it goes on in the background."""
    declared = load(topology)
    root = declared.required_root()
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
            net.start_chains(block_time)
            out.say(f"root chain {root.chain_id} at {declared.root_rpc}")
            out.say(f"chain {declared.chain.chain_id} at {declared.rpc}")
            net.start_bridge()
            _give_money(net)
            out.say(f"bridge {net.bridge_path}")
            record = net.deploy()
            out.say(f"pool {record.pool}")
            net.start_operators()
            if declared.server is not None:
                net.start_server()
        except BaseException:
            net.stop()
            raise
    for operator in declared.operators:
        out.say(f"{operator.name} at {operator.url}")
    if declared.server is not None:
        out.say(f"tournament server at {declared.server.url}")
        out.say(f"web app at {declared.server.url}/app/")
    out.say("Try:")
    out.say("  assay round announce --dev-account 1")
    out.say("  assay models register NAME --dev-account 10")
    out.say("  assay bridge deposit 100 --dev-account 10    brings NMR to the chain")
    out.say("  assay bridge withdraw 50 --dev-account 10    and back to the root chain")
    out.result(
        {
            "chain_id": declared.chain.chain_id,
            "rpc": declared.rpc,
            "root_chain_id": root.chain_id,
            "root_rpc": declared.root_rpc,
            "bridge": str(net.bridge_path),
            "pool": record.pool,
            "operators": [operator.url for operator in declared.operators],
            "server": declared.server and declared.server.url,
        }
    )


def _give_money(net: Devnet) -> None:
    """NMR for the stakers on both chains, and for the pool's vault by way of the deployer."""
    topology = net.topology
    vault = exact(topology.tournament.vault.nmr, _WEI_PER_NMR, "vault.nmr")
    each = exact(topology.stakers.nmr, _WEI_PER_NMR, "stakers.nmr")
    stakers = dict.fromkeys(topology.stakers.addresses, each)
    net.supply().give(stakers)
    net.bring({dev_account(DEPLOYER).address: vault} | stakers)


command.add_command(faucet)


@command.command("status")
@with_output
def status(out: Output) -> None:
    """Show which processes run."""
    net = _running()
    alive = {record.name: record.pid for record in net.processes.running()}
    names = net.process_names
    out.table(
        "Devnet",
        ("process", "state", ">pid"),
        ((name, "running" if name in alive else "stopped", alive.get(name, "")) for name in names),
    )
    out.result({"running": alive, "stopped": [name for name in names if name not in alive]})


@command.command("logs")
@click.argument("process")
@click.option("--lines", type=click.IntRange(1, 10_000), default=40, show_default=True)
@with_output
def logs(process: str, lines: int, out: Output) -> None:
    """Show the end of a PROCESS's log; `status` names the processes."""
    net = _running()
    if process not in net.process_names:
        raise InputError(
            f"there is no process {process!a} in this devnet",
            f"one of {', '.join(net.process_names)}",
        )
    path = net.processes.log_path(process)
    text = path.read_text(errors="replace") if path.exists() else ""
    end = text.splitlines()[-lines:]
    for line in end:
        out.console.print(line, markup=False, highlight=False, soft_wrap=True)
    out.result({"process": process, "log": str(path), "lines": end})


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
    """Move both chains' clocks forward by SECONDS."""
    clock = _running().clock()
    clock.advance_to(clock.now() + seconds)
    out.say(f"the chain's clock is at {clock.now()}")
    out.result({"now": clock.now()})
