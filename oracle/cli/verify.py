"""``assay verify``: a stranger's check of one round."""

from pathlib import Path

import click

from oracle.cli.options import rpc_option
from oracle.cli.output import Output, with_output
from oracle.errors import DifferenceError
from oracle.store.sealing import Identity


@click.command("verify")
@click.argument("folder", type=click.Path(path_type=Path))
@rpc_option
@click.option(
    "--pool",
    envvar="ASSAY_POOL",
    help="The StakePool that the round must belong to.  [env: ASSAY_POOL]",
)
@click.option(
    "--identity",
    type=click.Path(path_type=Path),
    envvar="ASSAY_IDENTITY",
    help="The age identity file of an operator or a verifier.  [env: ASSAY_IDENTITY]",
)
@click.option(
    "--complete", is_flag=True, help="End with code 5 if anything could not be checked, too."
)
@with_output
def command(
    folder: Path,
    rpc: str,
    pool: str | None,
    identity: Path | None,
    complete: bool,
    out: Output,
) -> None:
    """Recompute the round in FOLDER and compare it with the chain, bit for bit.

    FOLDER is a round's artefact folder: the one that holds manifest.json. Files are hashed, every
    model is scored anew, the pool's state at the close is read from the chain, receipts and
    signatures are checked and the settlement is replayed on the reference model. Where predictions
    are sealed to others, all that follows from the published scores is checked, and each step says
    what was not. That the targets are the true ones, and that no submission was left out, rests on
    the operators' signatures. Without --pool the folder says which pool it is about: compare it
    with the one you know. Ends with code 5 at the first difference, naming it. The RPC endpoint
    must keep history.

    \b
    Example:
      assay verify operators/operator-1/artefacts/rounds/731371/0x.../1 --rpc http://127.0.0.1:28545
    """
    from oracle.verification.verify import Verification

    opened = None if identity is None else Identity.load(identity)
    steps, unchecked = [], []
    for step in Verification(folder, rpc, pool, opened).steps():
        out.say(f"[green]ok[/] [bold]{step.name:<13}[/] {step.shown}")
        if step.unchecked:
            out.say(f"   [yellow]not checked[/]   {step.unchecked}")
            unchecked.append({"step": step.name, "unchecked": step.unchecked})
        steps.append({"step": step.name, "shown": step.shown})
    if complete and unchecked:
        raise DifferenceError(
            f"not checked: {unchecked[0]['unchecked']}", "pass an identity that opens them"
        )
    out.say(
        "[bold green]verified[/]"
        if not unchecked
        else "[bold green]verified[/] but for what could not be checked"
    )
    out.result({"folder": str(folder), "steps": steps, "unchecked": unchecked})
