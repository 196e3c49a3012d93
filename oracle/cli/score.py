"""``assay score``: a submission's exact scores."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oracle.cli.output import Output, with_output
from oracle.errors import DifferenceError, InputError

if TYPE_CHECKING:
    import numpy as np

    from oracle.cli.score_round import ScoredRound


@click.command("score")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--targets",
    type=click.Path(path_type=Path),
    help="CSV with id,target: the rows to score on, in any order.",
)
@click.option(
    "--meta-model",
    type=click.Path(path_type=Path),
    help="Another submission to measure the contribution against (MMC).",
)
@click.option(
    "--round",
    "folder",
    type=click.Path(path_type=Path),
    help="Instead of both: the folder of a committed round whose targets are open.",
)
@click.option(
    "--model",
    type=click.IntRange(0, 2**20 - 1),
    help="With --round: the model that FILE was sent for; compares with what was committed.",
)
@with_output
def command(
    file: Path,
    targets: Path | None,
    meta_model: Path | None,
    folder: Path | None,
    model: int | None,
    out: Output,
) -> None:
    """Compute the CORR of the predictions in FILE and, against a meta model, its MMC.

    These are the numbers the operators sign: whole billionths, the same on every machine. With
    --round targets and meta model are those that the round was paid on.

    \b
    Examples:
      assay score live_example_preds.csv --targets live_targets.csv
      assay score live_example_preds.csv --round rounds/137/0x1234/7 --model 3
    """
    if folder is not None:
        if targets or meta_model:
            raise click.UsageError("--round brings its own targets and meta model")
        _in_round(file, folder, model, out)
        return
    if targets is None or model is not None:
        raise click.UsageError("pass --targets FILE, or --round FOLDER with or without --model")
    _by_files(file, targets, meta_model, out)


def _by_files(file: Path, targets: Path, meta_model: Path | None, out: Output) -> None:
    import numpy as np

    from oracle.datasets.files import read_targets_csv
    from oracle.scoring.errors import ScoringError
    from oracle.tournaments import by_number
    from oracle.tournaments.submissions import SubmissionError, parse_submission

    try:
        ids, target = read_targets_csv(targets)
        rows = [
            parse_submission(read_file(path), ids, by_number(8)).over(len(ids))
            for path in [file, *([meta_model] if meta_model else [])]
        ]
        found = scores(np.stack(rows), target)
    except (SubmissionError, ScoringError, ValueError) as error:
        raise InputError(str(error)) from None
    result = {"rows": len(ids)} | {name: billionths_text(value) for name, value in found.items()}
    out.table(str(file), ("", ">"), list(result.items()))
    out.result(result)


def _in_round(file: Path, folder: Path, model: int | None, out: Output) -> None:
    from oracle.cli.score_round import open_round

    opened = open_round(folder)
    found = opened.scores(read_file(file))
    result: dict[str, Any] = {"rows": len(opened.universe.ids)}
    result |= {name: billionths_text(value) for name, value in found.items()}
    if "mmc" in found:
        result["mmc_exact"] = opened.meta_is_exact
    out.table(str(file), ("", ">"), list(result.items()))
    if "mmc" in found and not opened.meta_is_exact:
        out.say("The published meta model has equal rows, which may have differed before it was")
        out.say("rounded: MMC may differ from the paid one. `assay verify` recomputes it exactly.")
    if model is not None:
        result["committed"] = _compared(opened, model, found, out)
    out.result(result)


def _compared(
    opened: "ScoredRound", model: int, found: Mapping[str, int], out: Output
) -> dict[str, str]:
    committed = opened.committed(model)
    known = {name: committed[name] for name in found}
    for name, value in known.items():
        if value != found[name] and (name != "mmc" or opened.meta_is_exact):
            raise DifferenceError(
                f"{name} of model {model} was committed as {billionths_text(value)}, "
                f"and is {billionths_text(found[name])} here",
                "was it this file that was sent? `assay verify` recomputes the whole round",
            )
    out.say(f"[green]ok[/] as committed for model {model}: {', '.join(known)}")
    return {name: billionths_text(value) for name, value in known.items()}


def scores(rows: "np.ndarray", target: "np.ndarray") -> dict[str, int]:
    """CORR of the first of ``rows``, (1 or 2, N) at 10^-9, and its MMC against the second."""
    from oracle.scoring.round import score_round

    # All the stake is on the last file: it is the meta model, or there is none.
    stakes = [0, 1] if len(rows) > 1 else [0]
    made = score_round(rows, target, stakes)
    found = {"corr": int(made.corr[0])}
    return found | {"mmc": int(made.mmc[0])} if len(rows) > 1 else found


def read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def billionths_text(billionths: int) -> str:
    sign = "-" if billionths < 0 else ""
    whole, rest = divmod(abs(int(billionths)), 10**9)
    return f"{sign}{whole}.{rest:09d}"
