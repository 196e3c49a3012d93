# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title StakeLens
@custom:contract-name StakeLens
@license MIT
@notice Views of one tournament's models and rounds for people and programs: what a stake is, what
        waits for it, what a release or deposit made now would come to, and what a round waits for.
@dev Stateless: it holds nothing, may do nothing, and no contract relies on it, so that anyone may
     deploy another one. Amounts are wei and times seconds, everywhere in its answers.

     Pages of models cost gas for every model and pending round with requests, about 3,400 for
     each pair (7,100 at the prices of Polygon's PIP-88): ask for less where a node bounds it.
"""


from ..interfaces import IModelRegistryViews
from ..interfaces import IRoundOracleViews
from ..interfaces import IStakePoolViews


from ..modules import outlook
initializes: outlook


# @dev A model. `payout` is the payout address in force. `stake` is the lane; the other amounts:
# - `queued`: its deposits that are not drained, of all rounds;
# - `releasing`: what its releases that are not drained take of `stake` and `queued` if no round
#   changes them: round by round, the deposit first, then the release of what is there; 0 in a
#   pool that is wound down, where nothing is drained any more;
# - `claimable`: what `claim` pays now;
# - `exposed`: what the rounds that are closed and not ended can still change: the stake as it is
#   once the head round's queue is drained, whose releases leave before its scores, plus the
#   deposits that wait for later closed rounds. Releases from those count as exposed, since they
#   bear the rounds before; so does a round that is half settled, or turned out void, until it
#   ends. 0 if the head round is not closed, or the pool is wound down.
# `mode`: 1 compound, 2 take-profit.
struct Model:
    owner: address
    payout: address
    nonce: uint256
    version: uint256
    stake: uint256
    mode: uint256
    queued: uint256
    releasing: uint256
    claimable: uint256
    exposed: uint256


# @dev A round. `phase`:
#   0 unknown       not announced, nor skipped
#   1 announced     not open yet
#   2 open          takes submissions and requests
#   3 closed        its targets are not known yet
#   4 due           waits for its commit
#   5 committed     may be challenged
#   6 challenged    waits for the operators' answer
#   7 final         waits for being drained and settled
#   8 settling      begun
#   9 ended         with all its scores
#  10 void          will end without scores
#  11 ended void    without scores, or without some: its coefficients are not zero then
# `steps` are in calls of StakePool: 0 none, 1 skip, 2 drain, 3 settle, 4 call_void, 5 void_rest,
# 6 end_void. A step is possible from `step_at` on once the rounds before have ended; end_void is
# if no result comes before. settle needs the scores that the operators signed: `fallback_step`
# and `fallback_at` say what can be done if they are withheld. `queued` counts requests not
# drained, 256 for that many or more. `oracle`, `pool` and `template` are RoundOracle.round_of,
# StakePool.round_state and RoundOracle.template_of with amounts in wei; there is no template for
# rounds not announced or cancelled.
struct Round:
    number: uint256
    phase: uint256
    steps: outlook.Steps
    queued: uint256
    oracle: IRoundOracleViews.Round
    pool: IStakePoolViews.RoundState
    template: IRoundOracleViews.Template


# @dev A release asked now. It joins `round`, which closes at `close`, 0 if it is not announced.
# `amount` is what it pays if no round changes the stake. It can be claimed at `expected_at` if
# everybody does his work, 0 if nobody knows because the round is to be announced, and at
# `latest_at` if nobody helps its owner and everybody may hinder him: see modules/outlook.vy. Both
# are now where the round can be skipped now. Rounds announced before `round` can burn up to
# `max_loss` of the amount.
struct ReleaseOutlook:
    round: uint256
    close: uint256
    amount: uint256
    expected_at: uint256
    latest_at: uint256
    max_loss: uint256


# @dev A deposit made now, of a model without other stake, and released as soon as it has borne a
# round's scores: those of `round`, which it joins. It then leaves with `release_round`. The other
# fields as in ReleaseOutlook; `expected_at` is 0 if one of the two rounds is not announced, and
# `max_loss` is by the payout rule of today if the first one is not; 0 if it can be skipped now.
struct DepositOutlook:
    round: uint256
    close: uint256
    release_round: uint256
    expected_at: uint256
    latest_at: uint256
    max_loss: uint256


# @dev What the views of models need of the pool: the head round, the round that requests join,
# whether the pool is wound down, and the rounds between the two, both included, that have
# requests.
struct Pending:
    head: uint256
    target: uint256
    wound_down: bool
    queued: DynArray[uint256, _MAX_QUEUES]


# @dev Most rounds from the head to the last announced one, and to the one that requests join.
_MAX_PENDING: constant(uint256) = 96
_MAX_QUEUES: constant(uint256) = _MAX_PENDING + 1


_MODEL_PAGE: constant(uint256) = 32
_STAKE_PAGE: constant(uint256) = 256
_ROUND_PAGE: constant(uint256) = 16


# @dev Requests of a round that are counted.
_MAX_COUNT: constant(uint256) = 256


# @dev Wei in a unit, in which the pool keeps its lanes and records, and the unit of clips.
_UNIT: constant(uint256) = 10**9
_RATE_ONE: constant(uint256) = 10**12


# @dev Fields of lanes and queue records.
_M56: constant(uint256) = 2**56 - 1
_M64: constant(uint256) = 2**64 - 1
_RELEASE_SHIFT: constant(uint256) = 56
_TAKE_PROFIT_SHIFT: constant(uint256) = 63


_COMPOUND: constant(uint256) = 1
_TAKE_PROFIT: constant(uint256) = 2


# @dev The tournament's contracts.
POOL: public(immutable(address))
ORACLE: public(immutable(address))
REGISTRY: public(immutable(address))


@deploy
def __init__(pool: address):
    """
    @param pool A tournament's StakePool, deployed before this contract, as its peers.
    """
    POOL = pool
    ORACLE = staticcall IStakePoolViews(pool).ORACLE()
    REGISTRY = staticcall IStakePoolViews(pool).REGISTRY()
    outlook.__init__(
        staticcall IRoundOracleViews(staticcall IStakePoolViews(pool).ORACLE()).timing(),
        staticcall IStakePoolViews(pool).clocks(),
    )


@external
@view
def model(m: uint256) -> Model:
    """
    @param m A model's id.
    @return Model All about it.
    """
    self._check_model(m)
    return self._models(m, m + 1)[0]


@external
@view
def models(start: uint256, n: uint256) -> DynArray[Model, _MODEL_PAGE]:
    """
    @param start The first model's id.
    @param n How many models, up to 32.
    @return DynArray The models, fewer where there are no more.
    """
    assert n <= _MODEL_PAGE, "lens: page too long"
    return self._models(start, self._end(start, n))


@external
@view
def stake_at_close(m: uint256, k: uint256) -> uint256:
    """
    @notice What a model's stake in round `k` is if the rounds before it change nothing: the lane
            once the requests for rounds up to `k` are drained.
    @param m A model's id.
    @param k A round that has not ended.
    @return uint256 The stake.
    """
    self._check_model(m)
    return self._stakes(k, m, m + 1)[0]


@external
@view
def stakes_at_close(k: uint256, start: uint256, n: uint256) -> DynArray[uint256, _STAKE_PAGE]:
    """
    @notice `stake_at_close` of many models. Read at the last block before the round's close this
            is what the meta model weighs models by.
    @param k A round that has not ended.
    @param start The first model's id.
    @param n How many models, up to 256.
    @return DynArray The stakes, fewer where there are no more models.
    """
    assert n <= _STAKE_PAGE, "lens: page too long"
    return self._stakes(k, start, self._end(start, n))


@external
@view
def round(k: uint256) -> Round:
    """
    @param k Any round.
    @return Round All about it.
    """
    return self._round(k, staticcall IStakePoolViews(POOL).state())


@external
@view
def rounds(start: uint256, n: uint256) -> DynArray[Round, _ROUND_PAGE]:
    """
    @param start The first round.
    @param n How many rounds, up to 16.
    @return DynArray The rounds, those not announced among them.
    """
    assert n <= _ROUND_PAGE, "lens: page too long"
    state: IStakePoolViews.State = staticcall IStakePoolViews(POOL).state()
    page: DynArray[Round, _ROUND_PAGE] = []
    for i: uint256 in range(n, bound=_ROUND_PAGE):
        page.append(self._round(start + i, state))
    return page


@external
@view
def release_outlook(m: uint256, amount: uint256) -> ReleaseOutlook:
    """
    @notice What a release comes to that is asked now, on top of what was asked before.
    @dev The pool pays the lesser of a release and what is there, and burns of a round are at most
         its clip: the least that can be there is what is left if every round burns its clip,
         since drained requests and burns keep the order of two stakes. A release that the least
         stake still covers loses nothing.
    @param m A model's id.
    @param amount Wei, whole units; 2^256 - 1 for all.
    @return ReleaseOutlook When it can be claimed, and what it may lose until then.
    """
    self._check_model(m)
    units: uint256 = _M56
    if amount != max_value(uint256):
        units = min(self._units(amount), _M56)
    state: IStakePoolViews.State = self._running()
    target: uint256 = staticcall IStakePoolViews(POOL).target()
    stake: uint256 = self._lane(self._lane_words(m, m + 1)[0], m) & _M56
    least: uint256 = stake
    dates: outlook.Dates = outlook.Dates(expected=0, latest=state.head_since)
    for k: uint256 in range(state.head, target, bound=_MAX_PENDING):
        facts: outlook.Facts = self._facts(k)
        record: uint256 = staticcall IStakePoolViews(POOL).record_of(k, m)
        stake = self._drained(stake, record)
        least = self._drained(least, record)
        least -= least * self._clip_down(k, facts) // _RATE_ONE
        dates = outlook._after(dates, facts)
    close: uint256 = 0
    close, dates = self._joined(target, state, self._close(target - 1), dates)
    waiting: uint256 = staticcall IStakePoolViews(POOL).record_of(target, m)
    paid: uint256 = self._paid(stake, waiting, units)
    return ReleaseOutlook(
        round=target,
        close=close,
        amount=paid * _UNIT,
        expected_at=dates.expected,
        latest_at=dates.latest,
        max_loss=(paid - self._paid(least, waiting, units)) * _UNIT,
    )


@external
@view
def deposit_outlook(amount: uint256) -> DepositOutlook:
    """
    @notice What a deposit comes to that is made now, if the pool is not paused, and released as
            soon as it has borne a round's scores: with the release asked at that round's close.
    @param amount Wei, whole units.
    @return DepositOutlook When it can be claimed, and what it may lose until then.
    """
    units: uint256 = self._units(amount)
    state: IStakePoolViews.State = self._running()
    target: uint256 = staticcall IStakePoolViews(POOL).target()
    dates: outlook.Dates = outlook.Dates(expected=0, latest=state.head_since)
    for k: uint256 in range(state.head, target, bound=_MAX_PENDING):
        dates = outlook._after(dates, self._facts(k))
    close: uint256 = 0
    latest_close: uint256 = 0
    clip_down: uint256 = 0
    if target <= state.last_announced:
        facts: outlook.Facts = self._facts(target)
        close = facts.pool.close
        latest_close = close
        clip_down = self._clip_down(target, facts)
        dates = outlook._after(dates, facts)
    else:
        latest_close = self._close(target - 1)
        if outlook._has_lapsed(target == state.head, latest_close):
            latest_close = block.timestamp
        else:
            latest_close = outlook._latest_close(latest_close, dates.latest)
            dates.latest = outlook._after_unannounced(dates, latest_close)
            clip_down = (staticcall IRoundOracleViews(ORACLE).template()).clip_down
    dates = self._joined(target + 1, state, latest_close, dates)[1]
    return DepositOutlook(
        round=target,
        close=close,
        release_round=target + 1,
        expected_at=dates.expected,
        latest_at=dates.latest,
        max_loss=(units * clip_down // _RATE_ONE) * _UNIT,
    )


@internal
@view
def _models(start: uint256, end: uint256) -> DynArray[Model, _MODEL_PAGE]:
    """
    @param start The first model's id.
    @param end The id after the last one: registered models, 32 at most.
    @return DynArray The models.
    """
    pending: Pending = self._pending(max_value(uint256))
    words: DynArray[uint256, 1024] = self._lane_words(start, end)
    registry: IModelRegistryViews = IModelRegistryViews(REGISTRY)
    page: DynArray[Model, _MODEL_PAGE] = []
    for m: uint256 in range(start, end, bound=_MODEL_PAGE):
        lane: uint256 = self._lane(words[(m >> 2) - (start >> 2)], m)
        shown: Model = Model(
            owner=staticcall registry.owner_of(m),
            payout=staticcall registry.payout_of(m),
            nonce=staticcall registry.nonce_of(m),
            version=staticcall registry.version_of(m),
            stake=(lane & _M56) * _UNIT,
            mode=_COMPOUND if lane >> _TAKE_PROFIT_SHIFT == 0 else _TAKE_PROFIT,
            queued=0,
            releasing=0,
            claimable=staticcall IStakePoolViews(POOL).claimable_of(m),
            exposed=0,
        )
        page.append(self._with_requests(shown, m, lane & _M56, pending))
    return page


@internal
@view
def _with_requests(model: Model, m: uint256, lane: uint256, pending: Pending) -> Model:
    """
    @param model A model without what waits for it.
    @param m Its id.
    @param lane Its stake, in U.
    @param pending The pool's queues.
    @return Model The model with all amounts.
    """
    queued: uint256 = 0
    releasing: uint256 = 0
    exposed: uint256 = lane
    stake: uint256 = lane
    for k: uint256 in pending.queued:
        record: uint256 = staticcall IStakePoolViews(POOL).record_of(k, m)
        deposit: uint256 = record & _M56
        left: uint256 = self._drained(stake, record)
        queued += deposit
        releasing += stake + deposit - left
        stake = left
        if k == pending.head:
            exposed = left
        elif k < pending.target:
            exposed += deposit
    shown: Model = model
    shown.queued = queued * _UNIT
    if not pending.wound_down:
        shown.releasing = releasing * _UNIT
        if pending.head < pending.target:
            shown.exposed = exposed * _UNIT
    return shown


@internal
@view
def _stakes(k: uint256, start: uint256, end: uint256) -> DynArray[uint256, _STAKE_PAGE]:
    """
    @param k A round.
    @param start The first model's id.
    @param end The id after the last one: registered models, 256 at most.
    @return DynArray The models' projected stakes in wei.
    """
    pending: Pending = self._pending(k)
    assert k >= pending.head, "lens: round ended"
    words: DynArray[uint256, 1024] = self._lane_words(start, end)
    page: DynArray[uint256, _STAKE_PAGE] = []
    for m: uint256 in range(start, end, bound=_STAKE_PAGE):
        stake: uint256 = self._lane(words[(m >> 2) - (start >> 2)], m) & _M56
        for r: uint256 in pending.queued:
            stake = self._drained(stake, staticcall IStakePoolViews(POOL).record_of(r, m))
        page.append(stake * _UNIT)
    return page


@internal
@view
def _round(k: uint256, state: IStakePoolViews.State) -> Round:
    """
    @param k Any round.
    @param state Where the pool is.
    @return Round All about it.
    """
    facts: outlook.Facts = self._facts(k)
    shown: Round = Round(
        number=k,
        phase=outlook._phase(k, state, facts),
        steps=outlook._steps(k, state, facts, 0 if k == 0 else self._close(k - 1)),
        queued=len(staticcall IStakePoolViews(POOL).queue(k, 0, _MAX_COUNT)),
        oracle=facts.oracle,
        pool=facts.pool,
        template=empty(IRoundOracleViews.Template),
    )
    shown.oracle.at_risk *= _UNIT
    if facts.oracle.template_hash != empty(bytes32):
        shown.template = staticcall IRoundOracleViews(ORACLE).template_of(k)
        shown.template.threshold *= _UNIT
    return shown


@internal
@view
def _pending(last: uint256) -> Pending:
    """
    @dev Rounds before the head have no requests left, nor do rounds after the target have any.
    @param last The last round of interest.
    @return Pending What waits in the pool for rounds up to it.
    """
    pool: IStakePoolViews = IStakePoolViews(POOL)
    state: IStakePoolViews.State = staticcall pool.state()
    pending: Pending = Pending(
        head=state.head,
        target=staticcall pool.target(),
        wound_down=state.wound_down,
        queued=[],
    )
    for i: uint256 in range(_MAX_QUEUES):
        k: uint256 = state.head + i
        if k > min(last, pending.target):
            break
        if (staticcall pool.round_state(k)).queue_head != 0:
            pending.queued.append(k)
    return pending


@internal
@view
def _joined(
    k: uint256, state: IStakePoolViews.State, previous_close: uint256, before: outlook.Dates
) -> (uint256, outlook.Dates):
    """
    @param k A round that requests join, or the one after it.
    @param state Where the pool is.
    @param previous_close The close of the round before it, or the latest one if that is not
           announced.
    @param before When the rounds before it have ended.
    @return uint256 Its close, 0 if it is not announced.
    @return Dates When its queue can be drained; `expected` is 0 if it is not announced, and can
            be yet.
    """
    if k > state.last_announced:
        if outlook._has_lapsed(k == state.head, previous_close):
            return 0, outlook.Dates(expected=block.timestamp, latest=block.timestamp)
        latest: uint256 = outlook._latest_close(previous_close, before.latest)
        return 0, outlook.Dates(expected=0, latest=latest)
    close: uint256 = self._close(k)
    return close, outlook.Dates(
        expected=max(close, before.expected), latest=max(close, before.latest)
    )


@internal
@view
def _facts(k: uint256) -> outlook.Facts:
    """
    @param k Any round.
    @return Facts What pool and oracle know of it.
    """
    return outlook.Facts(
        pool=staticcall IStakePoolViews(POOL).round_state(k),
        oracle=staticcall IRoundOracleViews(ORACLE).round_of(k),
    )


@internal
@view
def _close(k: uint256) -> uint256:
    """
    @param k Any round.
    @return uint256 Its close in seconds, 0 if it has none yet.
    """
    return (staticcall IStakePoolViews(POOL).round_state(k)).close


@internal
@view
def _clip_down(k: uint256, facts: outlook.Facts) -> uint256:
    """
    @param k An announced or skipped round.
    @param facts What is known of it.
    @return uint256 The largest part of a stake that it can burn, at 10^-12.
    """
    if outlook._is_void(facts):
        return 0
    return (staticcall IRoundOracleViews(ORACLE).template_of(k)).clip_down


@internal
@view
def _running() -> IStakePoolViews.State:
    """
    @dev Reverts once the pool is wound down: it takes no requests any more.
    @return State Where the pool is.
    """
    state: IStakePoolViews.State = staticcall IStakePoolViews(POOL).state()
    assert not state.wound_down, "lens: wound down"
    return state


@internal
@view
def _check_model(m: uint256):
    """
    @param m The id of a registered model.
    """
    assert m < staticcall IModelRegistryViews(REGISTRY).count(), "lens: unknown model"


@internal
@view
def _end(start: uint256, n: uint256) -> uint256:
    """
    @param start A page's first model.
    @param n How many models are wanted.
    @return uint256 The id after the page's last model, `start` where there is none.
    """
    count: uint256 = staticcall IModelRegistryViews(REGISTRY).count()
    return start + min(n, count - min(start, count))


@internal
@view
def _lane_words(start: uint256, end: uint256) -> DynArray[uint256, 1024]:
    """
    @param start The first model's id.
    @param end The id after the last one.
    @return DynArray The pool's words with their lanes.
    """
    if start == end:
        return []
    first: uint256 = start >> 2
    return staticcall IStakePoolViews(POOL).lane_words(first, ((end - 1) >> 2) + 1 - first)


@internal
@pure
def _lane(word: uint256, m: uint256) -> uint256:
    """
    @param word The word with a model's lane.
    @param m The model's id.
    @return uint256 The lane.
    """
    return (word >> (64 * (m & 3))) & _M64


@internal
@pure
def _drained(stake: uint256, record: uint256) -> uint256:
    """
    @param stake A stake, in U.
    @param record A queue record.
    @return uint256 The stake after it.
    """
    there: uint256 = stake + (record & _M56)
    return there - min(self._release(record), there)


@internal
@pure
def _paid(stake: uint256, record: uint256, units: uint256) -> uint256:
    """
    @param stake A stake, in U.
    @param record The queue record that a release joins.
    @param units The release, in U.
    @return uint256 What it pays on top of the record's release, in U.
    """
    there: uint256 = stake + (record & _M56)
    before: uint256 = self._release(record)
    return min(before + units, there) - min(before, there)


@internal
@pure
def _release(record: uint256) -> uint256:
    """
    @param record A queue record.
    @return uint256 The release that it asks for, in U.
    """
    return (record >> _RELEASE_SHIFT) & _M56


@internal
@pure
def _units(amount: uint256) -> uint256:
    """
    @param amount Wei.
    @return uint256 The same in U.
    """
    assert amount % _UNIT == 0, "lens: not whole units"
    return amount // _UNIT
