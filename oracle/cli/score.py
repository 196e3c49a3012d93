"""``assay score``: a submission's exact scores."""

from pathlib import Path

import click

from oracle.cli.output import Output, with_output
from oracle.errors import InputError


@click.command("score")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--targets",
    type=click.Path(path_type=Path),
    required=True,
    help="CSV with id,target: the rows to score on, in any order.",
)
@click.option(
    "--meta-model",
    type=click.Path(path_type=Path),
    help="Another submission to measure the contribution against (MMC).",
)
@with_output
def command(file: Path, targets: Path, meta_model: Path | None, out: Output) -> None:
    """Compute the CORR of the predictions in FILE and, against a meta model, its MMC.

    These are the numbers the operators sign: whole billionths, the same on every machine.

    \b
    Example:
      assay score live_example_preds.csv --targets live_targets.csv
    """
    import numpy as np

    from oracle.datasets.files import read_targets_csv
    from oracle.scoring.errors import ScoringError
    from oracle.scoring.round import score_round
    from oracle.tournaments import by_number
    from oracle.tournaments.submissions import SubmissionError, parse_submission

    try:
        ids, target = read_targets_csv(targets)
        paths = [file, *([meta_model] if meta_model else [])]
        rows = [parse_submission(_read(path), ids, by_number(8)).values for path in paths]
        # All the stake is on the last file: it is the meta model, or there is none.
        stakes = [0, 1] if meta_model else [0]
        scores = score_round(np.stack(rows), target, stakes)
    except (SubmissionError, ScoringError, ValueError) as error:
        raise InputError(str(error)) from None
    result = {"rows": len(ids), "corr": _text(scores.corr[0])}
    if meta_model:
        result["mmc"] = _text(scores.mmc[0])
    out.table(str(file), ("", ">"), list(result.items()))
    out.result(result)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def _text(billionths: int) -> str:
    sign = "-" if billionths < 0 else ""
    whole, rest = divmod(abs(int(billionths)), 10**9)
    return f"{sign}{whole}.{rest:09d}"
