"""What the demo is played on: the devnet, its clock, and its people's keys."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console

from oracle.chain.keys import dev_account
from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner
from oracle.demo.crossing import Crossing
from oracle.demo.steps import Steps
from oracle.demo.story import Options, Story
from oracle.devnet.clock import Clock
from oracle.devnet.launch import Devnet
from oracle.errors import EnvironmentLacksError

_POLL_SECONDS = 0.3
_PATIENCE_SECONDS = 180


@dataclass
class Scene:
    """``reader``, ``clock`` and ``crossing`` are there once the contracts are (``begin``)."""

    options: Options
    steps: Steps
    devnet: Devnet
    story: Story = field(default_factory=Story)
    reader: PoolReader = field(init=False)
    clock: Clock = field(init=False)
    crossing: Crossing = field(init=False)

    @classmethod
    def of(cls, options: Options, console: Console) -> "Scene":
        devnet = Devnet.at(options.folder, options.topology, tied=True)
        return cls(options, Steps(console), devnet)

    def begin(self, pool: str) -> None:
        self.reader = PoolReader.open(self.options.topology.rpc, pool)
        self.clock = self.devnet.clock()
        self.crossing = Crossing(self.devnet, self.reader, self.clock, self.waiting)

    def signer(self, staker: int) -> LocalSigner:
        """The key of a staker, by place among them."""
        return LocalSigner(dev_account(self.options.topology.stakers.first_account + staker))

    def writer(self, staker: int) -> PoolWriter:
        return self.writer_of(self.signer(staker))

    def writer_of(self, signer: LocalSigner) -> PoolWriter:
        return PoolWriter(self.reader, Sender(self.reader.web3, self.reader.url, signer))

    def waiting(self, what: str) -> Iterator[None]:
        """Lets the chain and the processes go on, and complains if that takes too long."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            self.devnet.processes.ensure_alive()
            yield
            if time.monotonic() > deadline:
                raise EnvironmentLacksError(
                    f"no sign of {what} after {_PATIENCE_SECONDS} s",
                    f"see the logs in {self.options.folder / 'logs'}",
                )
            self.clock.mine()
            time.sleep(_POLL_SECONDS)
