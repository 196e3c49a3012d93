"""``assay verify``: a stranger's check of one round."""

from pathlib import Path

import click

from oracle.cli.options import rpc_option
from oracle.cli.output import Output, with_output


@click.command("verify")
@click.argument("folder", type=click.Path(path_type=Path))
@rpc_option
@click.option(
    "--pool",
    envvar="ASSAY_POOL",
    help="The StakePool that the round must belong to.  [env: ASSAY_POOL]",
)
@with_output
def command(folder: Path, rpc: str, pool: str | None, out: Output) -> None:
    """Recompute the round in FOLDER and compare it with the chain, bit for bit.

    FOLDER is a round's artefact folder: the one that holds manifest.json. Files are hashed, every
    model is scored anew, the pool's state at the close is read from the chain, signatures are
    checked and the settlement is replayed on the reference model. That the targets are the true
    ones, and that no submission was left out, rests on the operators' signatures. Without --pool
    the folder says which pool it is about: compare it with the one you know. Ends with code 5 at
    the first difference, naming it. The RPC endpoint must keep history.

    \b
    Example:
      assay verify operators/operator-1/artefacts/rounds/731371/0x.../1 --rpc http://127.0.0.1:28545
    """
    from oracle.verification.verify import Verification

    steps = []
    for step in Verification(folder, rpc, pool).steps():
        out.say(f"[green]ok[/] [bold]{step.name:<13}[/] {step.shown}")
        steps.append({"step": step.name, "shown": step.shown})
    out.say("[bold green]verified[/]")
    out.result({"folder": str(folder), "steps": steps})
