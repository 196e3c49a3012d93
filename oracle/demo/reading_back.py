"""What the server tells after the rounds, held against the chain, the committed files, the data."""

import csv
import io
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from oracle.demo.at_server import Visitors
from oracle.demo.rounds import Round
from oracle.demo.scene import Scene
from oracle.errors import DifferenceError, EnvironmentLacksError
from oracle.participant.files import DATASETS, download
from oracle.scoring.limits import SCALE
from oracle.settlement.units import UNITS_PER_NMR
from oracle.store.artefacts import read_file

_ABOUT = ("round", "model", "stake", "on_time", "level", "rho")
"""Columns of scores.csv that are no scores."""


def compare(scene: Scene, visitors: Visitors, first: Round, live: tuple[str, Path]) -> None:
    """Raises ``DifferenceError`` for the first thing that the server tells otherwise; ``live`` is
    the name of a file that was published for the first round, and the file."""
    name, path = live
    with scene.steps.step("Read it all back from the server, and compare") as say:
        scene.story.compared = {
            "scores": _scores(visitors, first),
            "stakes": _stakes(scene, visitors),
            "places of the leaderboard": _leaderboard(scene, visitors),
            "published files": _datasets(visitors, first.number, name, path.read_bytes()),
        }
        say(", ".join(f"{n} {what}" for what, n in scene.story.compared.items()))


def _scores(visitors: Visitors, first: Round) -> int:
    text = read_file(first.artefacts(), "outputs/scores.csv").decode()
    expected = {
        (int(line["model"]), name): int(value)
        for line in csv.DictReader(io.StringIO(text))
        for name, value in line.items()
        if name not in _ABOUT
    }
    path = f"/v1/tournaments/{visitors.tournament}/rounds/{first.number}/scores"
    told = {
        (score["model"], score["name"]): round(score["value"] * SCALE)
        for score in visitors.anyone.pages(path)
    }
    require_equal("the scores of round 1", told, expected)
    return len(told)


def _stakes(scene: Scene, visitors: Visitors) -> int:
    """Until the server has followed the chain to where it is now."""

    def told() -> Mapping[int, Any]:
        return {
            number: _units(visitors.anyone.get(f"/v1/models/{uuid}/stake")["stake"])
            for number, uuid in visitors.models.items()
        }

    return len(_followed(scene, "stakes", told, lambda: _lanes(scene)))


def _leaderboard(scene: Scene, visitors: Visitors) -> int:
    """Every model once, with the stake that the chain has."""
    path = f"/v1/tournaments/{visitors.tournament}/leaderboard"

    def told() -> Mapping[int, Any]:
        numbers = {uuid: number for number, uuid in visitors.models.items()}
        return {numbers[row["id"]]: _units(row["stake"]) for row in visitors.anyone.pages(path)}

    return len(_followed(scene, "the leaderboard", told, lambda: _lanes(scene)))


def _lanes(scene: Scene) -> Mapping[int, int]:
    pool = scene.reader.pool_at(scene.reader.finalized().number)
    return {player.model: pool.lane(player.model).stake for player in scene.story.players}


def _followed(
    scene: Scene,
    what: str,
    told: Callable[[], Mapping[int, Any]],
    expected: Callable[[], Mapping[int, Any]],
) -> Mapping[int, Any]:
    """What is told once it is as expected; the server needs a moment to follow the chain."""
    last = told(), expected()
    try:
        for _ in scene.waiting(what):
            last = told(), expected()
            if last[0] == last[1]:
                break
    except EnvironmentLacksError:
        require_equal(what, *last)
        raise
    return last[0]


def _datasets(visitors: Visitors, number: int, name: str, raw: bytes) -> int:
    client = visitors.anyone
    names = client.graphql(DATASETS, round=number)["listDatasets"]
    if download(client, name, number) != raw:
        raise DifferenceError(f"the server gives another {name} than was published")
    return len(names)


def _units(text: str) -> int:
    return int(Decimal(text) * UNITS_PER_NMR)


def require_equal(what: str, told: Mapping[Any, Any], expected: Mapping[Any, Any]) -> None:
    """Raises ``DifferenceError`` for the first thing that is told otherwise, or not at all."""
    for key in sorted({*told, *expected}):
        if told.get(key) != expected.get(key):
            raise DifferenceError(
                f"{what}: for {key} the server tells {told.get(key)}, "
                f"chain and files say {expected.get(key)}",
                "report this: it should never happen",
            )
