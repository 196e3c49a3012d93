"""A round's committed result as rows: who was scored, what on, and why others were not."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, delete, insert, update

from oracle.evaluation.published import published_rows
from oracle.evaluation.score_sets import score_set
from oracle.records.asking import parts
from oracle.records.rows import ResultStatus
from oracle.records.schema import chain
from oracle.settlement.manifest import parse_canonical
from oracle.settlement.specs import SPECS
from oracle.settlement.wire import unhex
from oracle.store.artefacts import ArtefactError, RoundFolder
from oracle.tournaments.percentiles import placed_scores

_SUBMISSIONS, _STAKES = "inputs/submissions.json", "inputs/stakes.json"
_ROWS = 500


def read_result(folder: RoundFolder) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of ``results`` and of ``scores``, without tournament and round.

    Raises ``ArtefactError``: the folder is what the operators committed, byte for byte, and still
    no round's.
    """
    manifest = folder.manifest()
    scored_on = score_set(SPECS[manifest.spec], manifest.tournament)
    try:
        sent = parse_canonical(folder.read(_SUBMISSIONS), _SUBMISSIONS)
        stakes = parse_canonical(folder.read(_STAKES), _STAKES)["stakes"]
        rows = published_rows(folder.read, scored_on)
        results = list(_results(sent, {int(m): int(v) for m, v in stakes.items()}, rows))
    except (KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"the folder is malformed: {error}", _SUBMISSIONS) from None
    return results, placed_scores(rows, scored_on.scores)


def _results(
    sent: dict[str, Any], stakes: dict[int, int], rows: list[dict[str, int]]
) -> Iterator[dict[str, Any]]:
    """One row a model: what was accepted goes before what was rejected, the last sent before it."""
    done = set()
    scored = {row["model"]: row for row in rows}
    for item in sent["accepted"]:
        row = scored[item["model"]]
        status = ResultStatus.SCORED if item["on_time"] else ResultStatus.LATE
        shown = {"rho": row["rho"], "level": row["level"]}
        yield _row(item, stakes, status, "" if item["on_time"] else "late", shown)
        done.add(item["model"])
    for item in sorted(sent["rejected"], key=lambda i: i["sequence"], reverse=True):
        if item["model"] not in done:
            yield _row(item, stakes, ResultStatus.REJECTED, item["reason"], {})
            done.add(item["model"])
    for model, stake in stakes.items():
        if stake and model not in done:
            yield _row({"model": model}, stakes, ResultStatus.NONE, "nothing was sent", {})


def _row(
    item: dict[str, Any], stakes: dict[int, int], status: str, reason: str, shown: dict[str, int]
) -> dict[str, Any]:
    return {
        "model": item["model"],
        "status": str(status),
        "stake": stakes.get(item["model"], 0),
        "sha256": unhex(item["sha256"]) if "sha256" in item else None,
        "sequence": item.get("sequence"),
        "rho": shown.get("rho"),
        "level": shown.get("level"),
        "reason": reason,
    }


def write_result(
    connection: Connection,
    tournament: int,
    number: int,
    manifest: bytes,
    result: tuple[list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    """Puts a round's rows in the place of those that were there."""
    here = {"tournament": tournament, "round": number}
    for table, rows in zip((chain.results, chain.scores), result, strict=True):
        where = (table.c.tournament == tournament, table.c.round == number)
        connection.execute(delete(table).where(*where))
        for part in parts(rows, _ROWS):
            connection.execute(insert(table), [{**here, **row} for row in part])
    is_it = (chain.rounds.c.tournament == tournament, chain.rounds.c.round == number)
    connection.execute(update(chain.rounds).where(*is_it).values(scored=manifest))
