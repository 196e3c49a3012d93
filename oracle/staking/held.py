"""What a model has to give back: a release of more would only cost its sender gas."""

from collections.abc import Iterable

from oracle.chain.rpc import readable
from oracle.errors import RefusedError
from oracle.records.rows import Request
from oracle.settlement.units import RELEASE_ALL, nmr
from oracle.settlement.words import LANES_PER_WORD, decode_lane, decode_record, split_word
from oracle.staking.desk import Asked, StakeDesk
from oracle.staking.rows import Action


def require_held(desk: StakeDesk, model: int, asked: Asked, waiting: Iterable[Request]) -> None:
    """Raises ``RefusedError`` for a release of more than there is. ``waiting`` is what is known of
    requests; that of the newest rounds the chain is asked."""
    if asked.action is not Action.DECREASE:
        return
    views, target = desk.reader.pool.functions, desk.reader.target()
    newest = range(max(1, target - 1), target + 1)
    with readable(desk.reader.url):
        [word] = views.lane_words(model // LANES_PER_WORD, 1).call()
        records = {k: decode_record(views.record_of(k, model).call()) for k in newest}
    stake = decode_lane(split_word(word)[model % LANES_PER_WORD]).stake
    stake += sum(record.deposit for record in records.values())
    stake += sum(one.deposit for one in waiting if one.round not in newest)
    released = records[target].release
    left = 0 if released == RELEASE_ALL else max(0, stake - released)
    if left < (asked.units or 1):
        raise RefusedError(
            f"the model has {nmr(left)} NMR that can be released"
            + (", beside what is being released already" if released else ""),
            "release what there is",
        )
