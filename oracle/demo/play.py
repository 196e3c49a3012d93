"""One whole round on two local chains, from prices to paid stakes, checked at the end."""

from rich.console import Console

from oracle.chain.reader import PoolReader
from oracle.datasets.dataset import (
    FEATURES_FILE,
    LIVE_EXAMPLE_FILE,
    VALIDATION_EXAMPLE_FILE,
    Dataset,
    benchmark_file,
    split_file,
)
from oracle.datasets.files import read_targets_csv
from oracle.demo import entering, leaving, opening
from oracle.demo.crossing import Crossing
from oracle.demo.further import RELEASE, enter_further, finish, offer
from oracle.demo.reading_back import compare
from oracle.demo.rounds import Round, announce, announce_by_script, publish
from oracle.demo.scene import Scene
from oracle.demo.steps import Steps
from oracle.demo.story import Options, Story
from oracle.devnet.folder import clear
from oracle.devnet.launch import Devnet
from oracle.settlement.units import nmr
from oracle.tournaments.universe import targets_bytes, universe_bytes

_ROUND = 1
_PUBLISHED = (
    FEATURES_FILE,
    split_file("train"),
    split_file("validation"),
    benchmark_file("validation"),
    VALIDATION_EXAMPLE_FILE,
)
_PUBLISHED_LIVE = (split_file("live"), benchmark_file("live"), LIVE_EXAMPLE_FILE)


class Demo:
    """Plays the round; ``devnet`` is running and filled when ``play`` returns."""

    def __init__(self, options: Options, console: Console) -> None:
        self.options = options
        self.scene = Scene.of(options, console)

    @property
    def devnet(self) -> Devnet:
        return self.scene.devnet

    @property
    def steps(self) -> Steps:
        return self.scene.steps

    @property
    def reader(self) -> PoolReader:
        return self.scene.reader

    @property
    def crossing(self) -> Crossing:
        return self.scene.crossing

    def play(self) -> Story:
        """Every step in turn; an error leaves nothing running once ``devnet.stop`` is called."""
        scene = self.scene
        self.options.topology.required_root()
        self.options.topology.required_server()
        self.devnet.stop()
        clear(self.options.folder)
        self.devnet.require_machine()
        dataset = opening.make_data(scene)
        self.forecasts = opening.train(scene, dataset)
        opening.start(scene)
        entering.bring_in(scene)
        self.visitors = visitors = entering.sign_in(scene)
        entering.register(scene)
        entering.allow(scene, visitors)
        with self.steps.step("Announce the round, publish its data") as say:
            first = Round(scene, visitors, _ROUND, announce_by_script(scene, _ROUND))
            self._publish(dataset)
            say(f"round {_ROUND}, scored {first.announced.horizon // 86_400} days after its close")
        entering.stake(scene, visitors, _ROUND)
        self._submit(first, dataset)
        more = enter_further(scene, visitors, self.forecasts, self.options.rounds - 1)
        self.resolve(first, dataset)
        self._settle(first)
        for each in more:
            finish(scene, each)
        leaving.leave(scene)
        leaving.bring_back(scene)
        leaving.verify(scene, first)
        live = split_file("live")
        compare(scene, visitors, first, (f"{RELEASE}/{live}", dataset.root / live))
        leaving.close(scene)
        return scene.story

    def open_another(self) -> int:
        """A round that stays open, for whoever looks; its number. Its rows are an era of the
        past."""
        scene, number = self.scene, self.reader.target()
        with self.steps.step("Open another round, for whoever looks") as say:
            [past] = self.forecasts.eras(self.options.rounds)[:1]
            again = Round(scene, self.visitors, number, announce(scene, number))
            offer(scene, past, number)
            again.open(universe_bytes(past.ids))
            say(f"round {number} takes files until the chain's clock is moved")
        return number

    def _publish(self, dataset: Dataset) -> None:
        """As a data provider would: what is for every round, and this round's own."""
        names = {f"{RELEASE}/{name}": name for name in _PUBLISHED}
        names |= {f"rounds/{_ROUND}/{RELEASE}/{name}": name for name in _PUBLISHED_LIVE}
        publish(self.scene, {place: dataset.root / name for place, name in names.items()})

    def _submit(self, first: Round, dataset: Dataset) -> None:
        players = self.scene.story.players
        with self.steps.step("Submit predictions through the server") as say:
            first.open(universe_bytes(dataset.live_ids))
            first.submit([player for player in players if not player.late], say)
        with self.steps.step("Close the round; one more comes late") as say:
            first.close()
            first.submit([player for player in players if player.late], say)

    def resolve(self, first: Round, dataset: Dataset) -> None:
        with self.steps.step("Targets arrive; operators score and sign") as say:
            _, targets = read_targets_csv(opening.resolution(self.scene) / "live_targets.csv")
            first.score(targets_bytes(dataset.live_ids, targets), say)

    def _settle(self, first: Round) -> None:
        story = self.scene.story
        with self.steps.step("The challenge window passes; the keeper settles") as say:
            story.before, story.after = first.settle()
            paid = story.before.vault - story.after.vault
            story.burned = story.after.burn_owed - story.before.burn_owed
            say(f"paid {nmr(paid)} NMR, burned {nmr(story.burned)} NMR")
