"""The demo's first act: data, models, and everything that must run."""

from pathlib import Path

from oracle.chain.keys import dev_account
from oracle.datasets.dataset import Dataset
from oracle.datasets.market import build_market
from oracle.datasets.synthetic import build_synthetic
from oracle.demo.forecasts import Forecasts
from oracle.demo.models import predict_live, train_workshop
from oracle.demo.players import make_players
from oracle.demo.scene import Scene
from oracle.demo.steps import counted
from oracle.devnet.operator_home import Pace
from oracle.devnet.topology import DEPLOYER, exact
from oracle.errors import InputError

_PACE = Pace(cycle=0.3, stagger=4.0, patience=5.0, burns=2.0)
_WEI_PER_NMR = 10**18
_SYNTHETIC = {"rows": 300, "features": 20, "eras": 60}


def resolution(scene: Scene) -> Path:
    """Folder of what is known only after a round."""
    return scene.options.folder / "resolution"


def make_data(scene: Scene) -> Dataset:
    folder, seed = scene.options.folder / "data", scene.options.seed
    with scene.steps.step("Make the tournament's data") as say:
        counter = counted(say)
        if scene.options.data == "market":
            dataset = build_market(folder, resolution(scene), seed=seed, progress=counter)
        elif scene.options.data == "synthetic":
            dataset = build_synthetic(
                folder, resolution(scene), seed=seed, progress=counter, **_SYNTHETIC
            )
        else:
            raise InputError(f"--data is market or synthetic, not {scene.options.data}")
        say(f"{dataset.name}: {len(dataset.live_ids)} live rows")
    return dataset


def train(scene: Scene, dataset: Dataset) -> Forecasts:
    """Who takes part, and what their models say of other eras."""
    with scene.steps.step("Train models") as say:
        seed, stakers = scene.options.seed, scene.options.topology.stakers.count
        shop, planned = train_workshop(dataset, seed, counted(say))
        trained = predict_live(shop, planned)
        scene.story.players = make_players(trained, stakers, seed)
        say(f"{len(trained)} trained, and a twin, a late one, a broken one")
    return Forecasts(shop, planned)


def start(scene: Scene) -> None:
    topology, devnet = scene.options.topology, scene.devnet
    with scene.steps.step("Start two chains, in Ethereum's and Polygon's place") as say:
        devnet.start_chains()
        say(f"root {topology.root_rpc}, child {topology.rpc}")
    with scene.steps.step("Deploy Polygon's bridge between them; validators start") as say:
        devnet.start_bridge()
        vault = exact(topology.tournament.vault.nmr, _WEI_PER_NMR, "vault.nmr")
        devnet.bring({dev_account(DEPLOYER).address: vault})
        say(f"{topology.tournament.vault.nmr} NMR brought over, for payouts")
    with scene.steps.step("Deploy the contracts with Ape") as say:
        record = devnet.deploy()
        say(f"pool {record.pool}")
    scene.begin(record.pool)
    with scene.steps.step("Start the operators") as say:
        scene.clock.mine(3)
        devnet.start_operators(_PACE)
        needed = topology.tournament.signatures
        say(f"{len(topology.operators)} processes, {needed} signatures needed")
    with scene.steps.step("Start the tournament server") as say:
        say(f"{devnet.start_server(_PACE).url}")
