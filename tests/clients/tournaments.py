"""Three tournaments on one chain: the first with history, the others with a round that is open."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from in_process_tournament import connected, deploy, start_chain
from other_tournaments import CLASSIC, CRYPTO, SIGNALS, ProviderFiles, of_tournament
from played_rounds import NAMES, History, play
from server_world import CLOCKS, TIMING, URL, ServerWorld
from short_times import short_topology

from oracle.chain.keys import dev_account
from oracle.chain.reader import PoolReader
from oracle.scoring.limits import SCALE
from oracle.store.artefacts import write_file

_ROWS = 120


@contextmanager
def three_tournaments(root: Path) -> Iterator[dict[int, tuple[History, bytes]]]:
    """By number: what was played, and a submission for the open round."""
    short = short_topology(TIMING, CLOCKS)
    chain = start_chain(root, short.chain.chain_id, int(time.time()))
    try:
        web3, worlds = connected(chain), {}
        for number in (CLASSIC, SIGNALS, CRYPTO):
            topology, folder = of_tournament(short, number), root / str(number)
            folder.mkdir()
            first, count = topology.stakers.first_account, topology.stakers.count
            worlds[number] = ServerWorld(
                root=folder,
                chain=chain,
                reader=PoolReader(web3, URL, deploy(web3, topology, folder).pool),
                operators=[dev_account(one.account) for one in topology.operators],
                stakers=[dev_account(index) for index in range(first, first + min(count, 3))],
            )
        models = {
            number: [worlds[number].register(name) for name in NAMES]
            for number in (SIGNALS, CRYPTO)
        }
        history = play(worlds[CLASSIC])
        predictions = worlds[CLASSIC].files[history.open].predictions(3)
        found = {CLASSIC: (history, predictions)}
        for number, registered in models.items():
            found[number] = _open(worlds[number], number, registered)
        chain.finalize()
        yield found
    finally:
        chain.close()


def _open(world: ServerWorld, number: int, models: list[int]) -> tuple[History, bytes]:
    dice = np.random.default_rng(number)
    ids = tuple(f"T{row:04d}" for row in range(_ROWS))
    files = ProviderFiles(number, ids, dice.permutation(_ROWS) % 5 * (SCALE // 4))
    opened = world.announce(window=4_000).round
    write_file(world.provider / str(opened) / "universe.csv", files.universe)
    world.stake(models[0], 1.5)
    return History(world, (), opened, *models), files.file(dice.integers(0, SCALE, _ROWS), 0)
