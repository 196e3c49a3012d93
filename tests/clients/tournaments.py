"""Three tournaments on one chain, each with history and a round that is open."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from os import utime
from pathlib import Path

from in_process_tournament import connected, deploy, start_chain
from other_tournaments import CLASSIC, CRYPTO, SIGNALS, of_tournament, provider_files
from played_rounds import History, play
from server_world import CLOCKS, TIMING, URL, RoundFiles, ServerWorld
from short_times import short_topology

from oracle.chain.keys import dev_account
from oracle.chain.reader import PoolReader

HORIZON_DAYS = 3
"""Of rounds that are longer than those of the history."""

_DAY, _LONGEST = 86_400, 4 * 3_600
"""Seconds of a day, and how far the chain's clock may be moved."""


@contextmanager
def three_tournaments(root: Path) -> Iterator[dict[int, tuple[History, bytes]]]:
    """By number: what was played, and a submission for the open round."""
    timing = TIMING.model_copy(update={"max_horizon": HORIZON_DAYS * _DAY})
    short = short_topology(timing, CLOCKS)
    chain = start_chain(root, short.chain.chain_id, _start())
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
                make_files=RoundFiles if number == CLASSIC else partial(provider_files, number),
            )
        found = {}
        for number, world in worlds.items():
            history = play(world)
            found[number] = (history, world.files[history.open].predictions(3))
        chain.finalize()
        yield found
    finally:
        chain.close()


def publish(folder: Path, name: str, content: bytes) -> None:
    """A file of a data set, as if it had been there for long."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    utime(path, (1, 1))


def _start() -> int:
    """Now; late in the evening the next day, so that all of it is of one day."""
    now = int(time.time())
    left = _DAY - now % _DAY
    return now if left > _LONGEST else now + left + 60
