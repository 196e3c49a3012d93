"""Takes the contracts' assertions away one by one and asks whether a test notices.

    python tests/mutation/run.py [--kind assert|boundary] [--only FILE[:LINE] ...] [--json FILE]

Each mutant is compiled and tested in a copy of this tree, the likeliest tests first, until one
fails. Exits 1 if a mutant survives all contract tests, 2 if they fail without any mutant.
Mutants that change nothing a test could see are listed in equivalents.toml, each with its reason.
"""

import argparse
import json
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from laboratory import EQUIVALENT, ROOT, SURVIVED, TESTS, Verdict, judge, prepare, unmutated
from mutants import ASSERTION, BOUNDARY, KINDS, Mutant, mutants
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

SOURCES = ("contracts/ethereum", "contracts/polygon", "contracts/modules")
EQUIVALENTS = Path(__file__).with_name("equivalents.toml")


def main() -> int:
    options = _options()
    console = Console()
    chosen = _chosen(options.kind, options.only)
    if not chosen:
        console.print("no such assertion or comparison")
        return 2
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        try:
            for verdict in _judged(chosen, Path(folder), options.workers, console):
                verdicts.append(_excused(verdict))
                if not console.is_terminal:
                    console.print(escape(_line(verdicts[-1])), soft_wrap=True)
        except RuntimeError as error:
            console.print(escape(str(error)))
            return 2
    verdicts.sort(key=lambda verdict: chosen.index(verdict.mutant))
    _show(verdicts, console)
    if options.json:
        options.json.write_text(json.dumps([asdict(verdict) for verdict in verdicts], indent=1))
    return 1 if any(verdict.outcome == SURVIVED for verdict in verdicts) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=KINDS, default=ASSERTION)
    parser.add_argument(
        "--only", nargs="+", metavar="FILE[:LINE]", help="ends of paths, and lines in them"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts there")
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


def _chosen(kind: str, only: list[str] | None) -> list[Mutant]:
    places = [place.partition(":") for place in only or [""]]
    return [
        mutant
        for folder in SOURCES
        for path in sorted((ROOT / folder).glob("*.vy"))
        for mutant in mutants(f"{folder}/{path.name}", path.read_text(), [kind])
        if any(
            mutant.file.endswith(ending) and line in ("", str(mutant.line))
            for ending, _, line in places
        )
    ]


def _judged(
    chosen: list[Mutant], folder: Path, workers: int, console: Console
) -> Iterator[Verdict]:
    """Verdicts as they come. Raises ``RuntimeError`` if the tests fail without a mutant."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    processes = ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=prepare, initargs=(folder,)
    )
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        bar = progress.add_task("the tests as they are", total=1)
        try:
            failed = processes.submit(unmutated, {mutant.file for mutant in chosen}).result()
            if failed:
                raise RuntimeError(f"the tests fail without a mutant: {failed}")
            progress.update(bar, description="mutants", total=len(chosen))
            for done in as_completed([processes.submit(judge, mutant) for mutant in chosen]):
                progress.advance(bar)
                yield done.result()
        finally:
            processes.shutdown(cancel_futures=True)


def _excused(verdict: Verdict) -> Verdict:
    """The verdict, or ``equivalent`` for a survivor that equivalents.toml explains."""
    mutant = verdict.mutant
    if verdict.outcome != SURVIVED:
        return verdict
    for entry in _equivalents():
        place = (entry["file"], entry["kind"], entry["original"], entry["replacement"])
        if place == (mutant.file, mutant.kind, mutant.original, mutant.replacement):
            return replace(verdict, outcome=EQUIVALENT, by=entry["why"])
    return verdict


@cache
def _equivalents() -> list[dict[str, str]]:
    return tomllib.loads(EQUIVALENTS.read_text()).get("equivalent", [])


def _place(mutant: Mutant) -> str:
    return f"{Path(mutant.file).name}:{mutant.line}"


def _line(verdict: Verdict) -> str:
    mutant = verdict.mutant
    return f"{_place(mutant)} {verdict.outcome} {verdict.by} ({verdict.seconds:.0f} s)"


def _show(verdicts: list[Verdict], console: Console) -> None:
    table = Table(title="Mutants")
    for heading in ("place", "original", "becomes", "outcome", "by", "s"):
        table.add_column(heading, overflow="fold")
    for verdict in verdicts:
        mutant = verdict.mutant
        table.add_row(
            _place(mutant),
            escape(mutant.original),
            escape(mutant.replacement if mutant.kind == BOUNDARY else "always true"),
            f"[bold red]{SURVIVED}" if verdict.outcome == SURVIVED else verdict.outcome,
            escape(verdict.by.removeprefix(f"{TESTS}/")),
            f"{verdict.seconds:.0f}",
        )
    console.print(table)
    counts = Counter(verdict.outcome for verdict in verdicts)
    console.print(f"{len(verdicts)} mutants: {', '.join(f'{n} {o}' for o, n in counts.items())}")


if __name__ == "__main__":
    sys.exit(main())
