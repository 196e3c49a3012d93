"""A tournament on the chain in this process, on which a test announces and skips rounds itself."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from in_process_chain import InProcessChain
from in_process_tournament import connected, deploy, start_chain
from short_times import short_topology

from oracle.chain.keys import dev_account
from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner
from oracle.devnet.profile import Clocks, Timing
from oracle.devnet.topology import ANNOUNCER
from oracle.settlement.units import MILLIONTH

URL = "http://in-process"
TIMING = Timing(
    notice=20, gap=10, max_ahead=5_000, max_horizon=1_000, grace=300, window=30, challenge=50
)
CLOCKS = Clocks(
    skip_after=6_000,
    settle_time=300,
    head_time=50,
    rest_delay=10,
    wind_down_after=100_000,
    pause=600,
    pause_cooldown=2_000,
)


@dataclass
class AnnouncedRounds:
    """``pool`` is its address; times are the chain's."""

    chain: InProcessChain
    pool: str

    def reader(self) -> PoolReader:
        return PoolReader(connected(self.chain), URL, self.pool)

    def writer(self, account: int) -> PoolWriter:
        reader = self.reader()
        return PoolWriter(reader, Sender(reader.web3, URL, LocalSigner(dev_account(account))))

    def announce(self, number: int) -> int:
        """Announces the next round; returns when it closes. Final when this returns."""
        opens = self.chain.head.timestamp + 25
        closes = opens + 10
        self.writer(ANNOUNCER).announce(number, opens, closes, 20, MILLIONTH, bytes(32))
        self.chain.finalize()
        return closes

    def end_void(self, number: int, closes: int) -> None:
        """Lets the round's time for a commit pass, and ends it without one."""
        self.chain.advance_to(closes + 20 + TIMING.grace + 1)
        self.writer(0).end_void(number)
        self.chain.finalize()


@contextmanager
def announced_rounds(folder: Path) -> Iterator[AnnouncedRounds]:
    """No round is announced yet; the chain ends with the block."""
    topology = short_topology(TIMING, CLOCKS)
    chain = start_chain(folder, topology.chain.chain_id, int(time.time()))
    try:
        record = deploy(connected(chain), topology, folder)
        chain.finalize()
        yield AnnouncedRounds(chain, record.pool)
    finally:
        chain.close()
