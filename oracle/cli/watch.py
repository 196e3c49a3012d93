"""``assay watch``: every round verified while it can be challenged."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from oracle.cli.dispute import devnet_operators
from oracle.cli.options import Nmr, key_options, open_writer, where
from oracle.cli.output import ENVELOPE, Output, with_output
from oracle.cli.times import utc
from oracle.errors import Exit, InputError, UnreachableError

if TYPE_CHECKING:
    from oracle.verification.watch import Line, Watcher

_COLOURS = {"verified": "green", "different": "bold red", "challenged": "bold yellow"}


@click.command("watch")
@click.option("--rpc", help="RPC address of the chain.  [env: ASSAY_RPC; default: the devnet]")
@click.option("--pool", help="The tournament's StakePool.  [env: ASSAY_POOL; default: the devnet]")
@click.option(
    "--artefacts",
    multiple=True,
    metavar="FOLDER|URL",
    help="Where rounds are published: a folder, an operator or a store; may be given more than "
    "once.  [default: the devnet's operators]",
)
@click.option(
    "--state",
    "state_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default="assay-watch.json",
    show_default=True,
    help="File that remembers what was verified; the evidence is kept beside it.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to download to.  [default: beside the state file]",
)
@click.option(
    "--from",
    "first",
    type=click.IntRange(1),
    help="First round to look at.  [default: the first that has not ended]",
)
@click.option("--once", is_flag=True, help="Look once and end; code 5 if something differs.")
@click.option(
    "--every",
    type=click.FloatRange(0.1, 86_400),
    default=60.0,
    show_default=True,
    help="Seconds between looks.",
)
@click.option(
    "--max-size", type=click.IntRange(1), default=4096, show_default=True, help="MiB of one round."
)
@click.option(
    "--identity",
    type=click.Path(path_type=Path),
    envvar="ASSAY_IDENTITY",
    help="The age identity file of a verifier, to read what is sealed.  [env: ASSAY_IDENTITY]",
)
@click.option("--challenge", is_flag=True, help="Challenge a round that is wrong, for a bond.")
@click.option("--max-bond", type=Nmr(), help="Largest bond to put up, with --challenge.")
@key_options
@with_output
def command(
    rpc: str | None,
    pool: str | None,
    artefacts: tuple[str, ...],
    state_path: Path,
    cache: Path | None,
    first: int | None,
    once: bool,
    every: float,
    max_size: int,
    identity: Path | None,
    challenge: bool,
    max_bond: int | None,
    key: Path | None,
    password_file: Path | None,
    dev_account: int | None,
    out: Output,
) -> None:
    """Verify every round inside its challenge window, and once more when it is settled.

    A line a round: verified; different, with the first difference; missing, where nobody shows the
    committed artefacts or the chain is silent, which is tried again. Every source is asked until
    one has a copy that is whole and passes. What was verified is not verified again, over restarts
    too. With --json each line is an object of its own; with --once there is one object at the end.

    With --challenge a round whose committed result does not follow from its own inputs is
    challenged: the evidence is kept and given to the operators among the sources, the bond taken
    from your account. Never for a difference that may be that of the copy here, never more than one
    bond a round or more than --max-bond, and never again after a bond was lost. What the chain says
    decides then: use an endpoint of your own, and one that keeps history.

    Ends on Ctrl-C. With --once: code 0 if all is as published, 5 if something differs, 4 if
    something could not be looked at.

    \b
    Examples:
      assay watch --rpc URL --pool 0x.. --artefacts http://op1.example --artefacts http://op2.example
      assay watch --once --from 1 --artefacts operators/operator-1/artefacts
      assay watch --artefacts http://op1.example --challenge --max-bond 200 \\
          --key key.json --password-file password
    """
    from oracle.chain.reader import PoolReader
    from oracle.store.sealing import Identity
    from oracle.verification.fetch import open_source
    from oracle.verification.verify import Verification
    from oracle.verification.watch import Challenger, Watcher
    from oracle.verification.watch_state import StateFile

    rpc, pool, chain_id = where(rpc, pool)
    opened = None if identity is None else Identity.load(identity)
    reader = PoolReader.open(rpc, pool, chain_id)
    state = StateFile(state_path, reader.addresses.chain_id, reader.addresses.pool)

    def verify(folder: Path) -> str:
        steps = list(Verification(folder, rpc, pool, opened).steps())
        unchecked = sum(bool(step.unchecked) for step in steps)
        return steps[-1].shown + (f"; {unchecked} steps not checked in full" if unchecked else "")

    sources = [open_source(name) for name in artefacts or devnet_operators(needed=True)]
    with state.locked():
        watcher = Watcher(
            reader=reader,
            sources=sources,
            cache=cache or state_path.resolve().with_name(f"{state_path.stem}-rounds"),
            state=state,
            verify=verify,
            first=first or min([reader.state()["head"], *state.unsettled()]),
            identity=opened,
            most=max_size * 2**20,
        )
        if challenge:
            if max_bond is None:
                raise InputError("--challenge without --max-bond", "say what you would put up")
            writer = open_writer(reader, key, password_file, dev_account)
            urls = [name for name in artefacts if "://" in name]
            folder = state_path.resolve().with_name(f"{state_path.stem}-evidence")
            watcher.challenger = Challenger(writer, max_bond, urls, folder)
        if once:
            _once(watcher, out)
            return
        while True:
            for line in _surviving(watcher):
                _tell(line, out)
                if out.as_json:
                    click.echo(json.dumps({"assay": ENVELOPE, "ok": True, "result": _json(line)}))
            time.sleep(every)


def _once(watcher: "Watcher", out: Output) -> None:
    lines = list(watcher.look())
    for line in lines:
        _tell(line, out)
    if not lines:
        out.say("nothing new to verify")
    seen = watcher.state.state.rounds
    different = sorted(n for n, one in seen.items() if one.difference and n >= watcher.first)
    out.result({"lines": [_json(line) for line in lines], "different": different})
    if different:
        raise SystemExit(int(Exit.DIFFERENT))
    if any(line.finding == "missing" for line in lines):
        raise SystemExit(int(Exit.UNREACHABLE))


def _surviving(watcher: "Watcher") -> Iterator["Line"]:
    """One look; that the chain does not answer is a line like others."""
    from oracle.verification.watch import Finding, Line

    try:
        yield from watcher.look()
    except UnreachableError as error:
        yield Line(None, Finding.MISSING, error.message)


def _tell(line: "Line", out: Output) -> None:
    colour = _COLOURS.get(line.finding.value, "yellow")
    what = "chain" if line.round is None else f"round {line.round}"
    until = "" if line.final_at is None else f" [dim](final {utc(line.final_at)})[/]"
    out.say(f"{what}: [{colour}]{line.finding.value}[/] {escape(line.text)}{until}")


def _json(line: "Line") -> dict[str, Any]:
    return {
        "round": line.round,
        "finding": line.finding.value,
        "text": line.text,
        "final_at": line.final_at,
    }
