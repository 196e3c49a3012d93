"""How long a wait may still take, by how long the last ones took: no promise, and no guess.

The chains keep no timetable: validators decide when a message crosses or a checkpoint is made. So
an estimate is what was left of the last waits of the same kind that took at least as long as this
one has already.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from web3 import Web3

from oracle.bridge.checkpoints import STEP, checkpoint, newest
from oracle.bridge.latency import recent_syncs
from oracle.bridge.record import BridgeRecord
from oracle.bridge.transfers import Stage, Transfer

_CHECKPOINTS, _SYNCS = 8, 12
_FRESH_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds that are left: for half of the earlier waits at most ``likely``, for all of them at
    most ``longest``; both None where this wait is longer than all ``of`` earlier ones, or there
    were none."""

    likely: int | None
    longest: int | None
    of: int

    def text(self) -> str:
        """For a person."""
        if not self.of:
            return "no earlier one to go by"
        if self.likely is None or self.longest is None:
            return f"longer already than each of the last {self.of}"
        return f"about {_span(self.likely)}, at most {_span(self.longest)}, by the last {self.of}"


def remaining(samples: Sequence[int], waited: int) -> Estimate:
    """What is left after ``waited`` seconds, by ``samples`` of whole waits."""
    left = [sample - waited for sample in samples if sample > waited]
    if not left:
        return Estimate(None, None, len(samples))
    return Estimate(round(statistics.median(left)), max(left), len(samples))


def _span(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7_200:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3_600:.1f} h"


@dataclass
class Recent:
    """The last waits on both chains; asked for again after a minute."""

    record: BridgeRecord
    root: Web3
    child: Web3
    _known: dict[Stage, tuple[float, list[int]]] = field(default_factory=dict)

    def left(self, transfer: Transfer) -> Estimate | None:
        """For a deposit that is locked and a withdrawal that is burnt; None at other stages."""
        since = transfer.times.get(transfer.stage)
        if since is None or transfer.stage not in (Stage.LOCKED, Stage.BURNT):
            return None
        now = max(w.eth.get_block("latest")["timestamp"] for w in (self.root, self.child))
        return remaining(self._samples(transfer.stage), max(0, now - since))

    def _samples(self, stage: Stage) -> list[int]:
        read_at, samples = self._known.get(stage, (0.0, []))
        if not samples or time.monotonic() > read_at + _FRESH_SECONDS:
            samples = self.sync_waits() if stage is Stage.LOCKED else self.checkpoint_waits()
            self._known[stage] = time.monotonic(), samples
        return samples

    def sync_waits(self) -> list[int]:
        """Seconds from lock to mint of the last deposits of this token."""
        return recent_syncs(self.root, self.child, self.record, _SYNCS)

    def checkpoint_waits(self) -> list[int]:
        """Seconds to their checkpoint for the first, middle and last block of the last ones."""
        last = newest(self.root, self.record)
        found: list[int] = []
        for place in range(_CHECKPOINTS if last else 0):
            id = (last.id if last else 0) - place * STEP
            made = checkpoint(self.root, self.record, id) if id > 0 else None
            if made is None:
                break
            for number in sorted({made.start, (made.start + made.end) // 2, made.end}):
                mined = self.child.eth.get_block(number)["timestamp"]
                found.append(max(0, made.created_at - mined))
        return found
