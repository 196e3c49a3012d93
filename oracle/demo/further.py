"""More rounds beside the first one, each on an era of the past.

They overlap as a tournament's do: all of them are submitted to before the first one is scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from oracle.demo.at_server import Visitors
from oracle.demo.forecasts import Forecasts, Past
from oracle.demo.models import TrainedModel
from oracle.demo.players import LATE, TWIN, Player
from oracle.demo.rounds import Round, announce, publish
from oracle.demo.scene import Scene
from oracle.demo.submission_files import to_csv_bytes
from oracle.settlement.units import UNITS_PER_NMR, nmr
from oracle.tournaments.universe import targets_bytes, universe_bytes
from oracle.verification.verify import Verification

RELEASE = "v1.0"
"""Folder that published files are in."""
_RELEASED = UNITS_PER_NMR


@dataclass(frozen=True)
class Further:
    """A round that has closed, and the era that it is about."""

    round: Round
    past: Past


def enter_further(
    scene: Scene, visitors: Visitors, forecasts: Forecasts, count: int
) -> list[Further]:
    """Plays ``count`` more rounds up to their closes. In each, all models submit in time but the
    one whose file was broken, and one staker has a NMR released by the server."""
    return [_enter(scene, visitors, past, forecasts.of(past)) for past in forecasts.eras(count)]


def _enter(
    scene: Scene, visitors: Visitors, past: Past, trained: Sequence[TrainedModel]
) -> Further:
    number = scene.reader.target()
    with scene.steps.step(f"Round {number}, on the era {past.era} of the past") as say:
        entered = Round(scene, visitors, number, announce(scene, number))
        offer(scene, past, number)
        players = with_files(scene.story.players, trained)
        relayed = [player for player in players if player.by_mandate][:1]
        for player in relayed:
            visitors.change(player, _RELEASED, "decrease")
        visitors.settled(relayed)
        entered.open(universe_bytes(past.ids))
        entered.submit(players, say)
        entered.close()
    return Further(entered, past)


def finish(scene: Scene, further: Further) -> None:
    """The round's scores, payouts, and a stranger's check of both."""
    number, past = further.round.number, further.past
    with scene.steps.step(f"Round {number} is scored, settled, verified") as say:
        further.round.score(targets_bytes(past.ids, past.targets), say)
        before, after = further.round.settle()
        for step in Verification(further.round.artefacts(), scene.reader.url).steps():
            say(f"verify: {step.name}")
        burned = after.burn_owed - before.burn_owed
        scene.story.burned += burned
        say(f"paid {nmr(before.vault - after.vault)} NMR, burned {nmr(burned)} NMR")


def offer(scene: Scene, past: Past, number: int) -> None:
    """Has the round's rows published once it opens."""
    rows = scene.options.folder / f"live-{number}.parquet"
    past.write_live(rows)
    publish(scene, {f"rounds/{number}/{RELEASE}/live.parquet": rows})


def with_files(players: Sequence[Player], trained: Sequence[TrainedModel]) -> list[Player]:
    """The players whose models predicted the era, with their files for it; the twin does as the
    first model, the late one as the second."""
    predictions = {model.name: model.predictions for model in trained}
    predictions |= {TWIN: trained[0].predictions, LATE: trained[1].predictions}
    return [
        replace(player, raw=to_csv_bytes(predictions[player.name]), late=False, refusal="")
        for player in players
        if player.name in predictions
    ]
