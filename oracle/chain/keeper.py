"""The steps that anyone may take so that rounds go on, one at a time.

What a round still needs is read from the chain; settling needs the round's batches as well, so it
is an operator's, or whoever's that has the artefacts.
"""

from dataclasses import dataclass

from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.settlement.reference import ReferencePool
from oracle.settlement.rounds import Phase, phase

_DRAIN_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Step:
    """What the head round needs next: a call of StakePool, and from when it is possible.

    ``call`` is empty where nothing but waiting, or settling, helps.
    """

    round: int
    call: str
    possible_at: int
    why: str


def next_step(reader: PoolReader) -> Step:
    """The next permissionless step, as of the newest block."""
    block = reader.newest()
    pool = reader.pool_at(block.number)
    head = pool.head
    if pool.wound_down:
        return Step(head, "", 0, "the pool is wound down; `assay stake exit` pays out")
    if head > pool.last_announced:
        earliest = pool.closes[head - 1] + pool.clocks.skip_after
        return Step(head, "skip", earliest, "nobody announced the round")
    if pool.queues.get(head):
        return Step(head, "drain", pool.closes[head], "requests wait")
    facts = reader.facts(head, block, head)
    stage = phase(facts, block.timestamp)
    if stage is Phase.VOID:
        return Step(head, "end_void", pool.closes[head], "the round gets no scores")
    if stage is not Phase.FINAL:
        return Step(head, "", 0, f"the round is {stage.value}")
    return _withheld(pool, facts.final_at or 0)


def _withheld(pool: ReferencePool, final_at: int) -> Step:
    clocks, head = pool.clocks, pool.head
    if head in pool.void_at:
        return Step(head, "void_rest", pool.void_at[head], "its scores were called withheld")
    earliest = max(final_at + clocks.settle_time, pool.head_since + clocks.head_time)
    return Step(head, "call_void", earliest, "the round waits for its batches")


def take(step: Step, writer: PoolWriter) -> None:
    """Sends the step's call."""
    if step.call == "drain":
        writer.drain(step.round, _DRAIN_CHUNK)
    else:
        getattr(writer, step.call)(step.round)
