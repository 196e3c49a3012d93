"""``assay operator backup``, ``restore`` and ``rebuild``: an operator's database."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oracle.cli.output import Output, with_output

if TYPE_CHECKING:
    from oracle.operator.guard import Settled

_config = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    required=True,
    help="The operator's configuration (TOML).",
)
_sure = click.option(
    "--i-know",
    "sure",
    is_flag=True,
    help="You know that this operator has signed nothing but what is found: block no round.",
)


@click.command("backup")
@_config
@click.option("--to", type=click.Path(path_type=Path), required=True, help="The new file.")
@with_output
def backup_command(config_file: Path, to: Path, out: Output) -> None:
    """Copy the operator's database (SQLite), while it runs or not.

    The copy is of one moment, checked, and readable by you only. Beside it, keep the operator's
    key and its age identity in a safe place: without the identity nothing in it can be opened.

    \b
    Example:
      assay operator backup --config operator.toml --to backups/2026-11-23.sqlite
    """
    from oracle.operator.config import load_config
    from oracle.operator.state import back_up

    size = back_up(load_config(config_file), to)
    out.say(f"{to}: {size:,} bytes, checked")
    out.result({"file": str(to), "bytes": size})


@click.command("restore")
@_config
@click.option(
    "--from", "source", type=click.Path(path_type=Path), required=True, help="The backup."
)
@_sure
@with_output
def restore_command(config_file: Path, source: Path, sure: bool, out: Output) -> None:
    """Put a backup of the operator's database (SQLite) back; stop the operator first.

    What the operator signed after the backup is looked for in the database it replaces, in its
    artefacts, on the chain and at its peers. What it may have signed unseen can only be of rounds
    that are due by now: it signs nothing for these any more. The database from before is kept.

    \b
    Example:
      assay operator restore --config operator.toml --from backups/2026-11-23.sqlite
    """
    from oracle.operator.config import load_config
    from oracle.operator.state import restore_backup

    restored = restore_backup(load_config(config_file), source, sure=sure)
    out.say(f"{restored.rounds_signed} signed digests are known")
    if restored.kept is not None:
        out.say(f"the database from before: {restored.kept}")
    kept = None if restored.kept is None else str(restored.kept)
    _show(out, restored.guard, {"signed": restored.rounds_signed, "kept": kept})


@click.command("rebuild")
@_config
@click.option(
    "--from",
    "folders",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A copy of another operator's artefact folder, for rounds that are missing; repeatable.",
)
@_sure
@with_output
def rebuild_command(config_file: Path, folders: tuple[Path, ...], sure: bool, out: Output) -> None:
    """Make the operator's database anew from chain and artefacts; stop the operator first.

    Reads the contracts' events, and each round's submissions and receipts from the artefacts: the
    operator's own, those named with --from, and the configured bucket. What is already in the
    database stays. The operator signs nothing any more for rounds that are due by now, except
    what it is seen to have signed. Lost is what only this operator knew: files it had taken for
    rounds that are not committed yet, and targets that were not released.

    \b
    Example:
      assay operator rebuild --config operator.toml --from /mnt/operator-2/artefacts
    """
    from oracle.operator.config import load_config
    from oracle.operator.state import rebuild

    rebuilt = rebuild(load_config(config_file), folders, sure=sure, tell=out.say)
    out.say(f"{rebuilt.events} events up to block {rebuilt.block}")
    out.say(
        f"{len(rebuilt.rounds)} rounds ({len(rebuilt.fetched)} fetched), "
        f"{rebuilt.submissions} submissions, {rebuilt.receipts} receipts"
    )
    for problem in rebuilt.problems:
        out.say(f"[yellow]not read[/]: {problem}")
    _show(
        out,
        rebuilt.guard,
        {
            "block": rebuilt.block,
            "events": rebuilt.events,
            "rounds": rebuilt.rounds,
            "fetched": rebuilt.fetched,
            "submissions": rebuilt.submissions,
            "receipts": rebuilt.receipts,
            "problems": rebuilt.problems,
        },
    )


def _show(out: Output, guard: "Settled", result: dict[str, Any]) -> None:
    for item in guard.learned:
        out.say(f"round {item.round}: signed 0x{item.digest.hex()}, seen at {item.where}")
    for item in guard.conflicts:
        out.say(f"[red]round {item.round}: signed another result too[/], seen at {item.where}")
    if guard.blocked_up_to:
        out.say(f"signs nothing new up to round {guard.blocked_up_to}")
    out.result(
        {
            **result,
            "learned": sorted({item.round for item in guard.learned}),
            "conflicts": sorted({item.round for item in guard.conflicts}),
            "blocked_up_to": guard.blocked_up_to,
        }
    )
