"""A tournament with something to see on every page of the web app: settled rounds with gains and
burns, one that is committed, one that is open; names that try to be more than names."""

from dataclasses import dataclass, field

import httpx
from served_pages import wait_until
from server_world import ServerWorld

from oracle.gateway.run import Server
from oracle.records.rows import ModelRow
from oracle.settlement.units import TAKE_PROFIT

EIGHT = 8
MARKUP = "<img src=x onerror=document.title='taken'>"
NAMES = (
    "quiet_harbour",
    "northern_lights",
    "pendulum",
    "gradient_goat",
    "slow_river",
    MARKUP,
    "javascript:alert(1)//",
    "a_name_that_goes_on_and_on_" + "x" * 30,
    "second_thought",
    "moraine",
)
SKILLS = (9, 6, 4, 3, 2, 5, 1, 2, 0, 7)
SETTLED = 6


@dataclass
class Shown:
    """``settled``, ``committed`` and ``open`` are numbers of rounds."""

    world: ServerWorld
    settled: list[int]
    committed: int
    open: int
    running: Server | None = field(default=None, repr=False)

    @property
    def server(self) -> Server:
        assert self.running is not None
        return self.running

    @property
    def url(self) -> str:
        return self.server.config.url

    def served_by(self, running: Server) -> None:
        """Says the names there, and waits until all that pages show is known."""
        self.running = running
        services = running.services
        for name in NAMES:
            services.models.say(name)
        wait_until(self._has_board, "the leaderboard has been made")
        wait_until(
            lambda: len(services.results.list(EIGHT, rounds=[self.committed])) > 0,
            "the committed round's scores are there",
        )

    def _has_board(self) -> bool:
        answer = httpx.get(f"{self.url}/v1/tournaments/{EIGHT}/leaderboard")
        return len(answer.raise_for_status().json()["items"]) == len(NAMES)

    def model(self, number: int) -> ModelRow:
        [found] = self.server.services.models.by_id(EIGHT, [number])
        return found


def play_shown(world: ServerWorld) -> Shown:
    """Plays it: skills wander, so that models gain and burn in turn."""
    models = [world.register(name) for name in NAMES]
    world.writer(world.owner(1)).set_mode(models[1], TAKE_PROFIT, 1)
    settled = []
    for step in range(SETTLED):
        skills = {
            model: 0 if (model + step) % 3 == 0 else skill
            for model, skill in zip(models, SKILLS, strict=True)
        }
        settled.append(world.play(skills, nmr=1.25 + 0.5 * step))
    committed = world.announce().round
    for model, skill in zip(models[:-1], SKILLS, strict=False):
        predictions = world.files[committed].predictions(skill)
        world.submit(committed, model, predictions, late=model == 4)
    world.close(committed)
    world.commit(committed)
    last = world.announce(window=4_000).round
    world.stake(models[0], 2.5)
    world.writer(world.owner(2)).request_release(models[2], None, last)
    world.chain.finalize()
    return Shown(world, settled, committed, last)
