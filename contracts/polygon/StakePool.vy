# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title StakePool
@custom:contract-name StakePool
@license MIT
@notice Holds the stakes of one tournament's models and pays and burns them by the scores that
        RoundOracle gives each round. Owners ask for deposits, releases and mode changes; a
        request joins the queue of the round that is open for it and is applied (`drain`) after
        that round's close, before its scores (`begin`, `settle`). Rounds settle strictly in
        order. What leaves a stake waits in the model's claimable amount for `claim`.
@dev No owner, no upgrade, no administrator: nobody can stop a claim or move a stake anywhere but
     to its model's payout address or to the amount owed to the burn. `drain`, `begin`, `settle`
     and `claim` may be called by anyone.

     Amounts in calls and in `stake_of` and `claimable_of` are wei, whole multiples of the unit
     U = 10^9 wei; all other amounts here are in U. The words are specified in docs/formats.md.

     held = T + queued + out + vault + burn owed, the amount of tokens accounted for, stays below
     2^56 U: deposit and fund check it and nothing else raises it. So every part of it, every
     lane among them, fits 56 bits, and adding to one part cannot overflow.
"""


from ethereum.ercs import IERC20


from ..interfaces import IModelRegistry
from ..interfaces import IRoundOracle
from ..interfaces import IStakePool
implements: IStakePool


# @dev Slot A, in U except `hint`: the sum of all lanes, the deposits in queues, the sum of all
# out lanes, the vault that gains are paid from, and a round at or below `target()`.
struct Ledger:
    staked: uint256
    queued: uint256
    out: uint256
    vault: uint256
    hint: uint256


# @dev Slot B: U owed to the burn; the round to settle next, since when it is so and when the one
# before it was settled (seconds); of that round the next admissible word, the end of its words
# and whether it has begun; and the last announced round.
struct Progress:
    burn_owed: uint256
    head: uint256
    head_since: uint256
    last_terminal: uint256
    next_word: uint256
    words: uint256
    begun: bool
    last_announced: uint256


# @dev A round's arithmetic: score coefficients at 10^-6, clips at 10^-12, hardening per level at
# 2^-16 and the scale of gains at 2^-40.
struct Coefficients:
    c1: uint256
    c2: uint256
    c3: uint256
    up: uint256
    down: uint256
    hk: uint256
    scale: uint256


# @dev What the pool knows of a round. `close` in seconds, 0 before its announcement; `queue_head`
# is the first queued model's id + 1; `cursor` is the link of the next batch, zero before the
# round begins and after it is settled. Coefficients are zero before it begins.
struct RoundState:
    close: uint256
    queue_head: uint256
    cursor: bytes32
    coefficients: Coefficients


# @dev Parts of what the pool holds, in U.
struct Totals:
    staked: uint256
    queued: uint256
    out: uint256
    vault: uint256
    burn_owed: uint256


# @dev Progress without the burn: see there.
struct State:
    head: uint256
    head_since: uint256
    last_terminal: uint256
    next_word: uint256
    words: uint256
    begun: bool
    last_announced: uint256


# @dev Wei in a unit, and the least deposit or partial release: 0.1 NMR.
_UNIT: constant(uint256) = 10**9
_MIN: constant(uint256) = 10**8


# @dev Modes of a model: gains stay in the stake, or leave it.
_COMPOUND: constant(uint256) = 1
_TAKE_PROFIT: constant(uint256) = 2


# @dev Rounds from the head to the last announced one, at most.
_MAX_PENDING: constant(uint256) = 96


_MAX_MODELS: constant(uint256) = 2**20
_MAX_WORDS: constant(uint256) = 2**18
_PAGE: constant(uint256) = 1024


_M19: constant(uint256) = 2**19 - 1
_M20: constant(uint256) = 2**20 - 1
_M32: constant(uint256) = 2**32 - 1
_M40: constant(uint256) = 2**40 - 1
_M56: constant(uint256) = 2**56 - 1
_M64: constant(uint256) = 2**64 - 1


# @dev A release of this much, or more, means all there is.
_RELEASE_ALL: constant(uint256) = _M56


# @dev Fields of a queue record: deposit 56 | release 56 | mode 2 | next model's id + 1, 21.
_RELEASE_SHIFT: constant(uint256) = 56
_MODE_SHIFT: constant(uint256) = 112
_NEXT_SHIFT: constant(uint256) = 114
_MODE_MASK: constant(uint256) = 3 << _MODE_SHIFT


# @dev Where `queue` puts a record's model, above the record.
_MODEL_SHIFT: constant(uint256) = 160


# @dev The take-profit bit of a lane, and of each lane of a word.
_TAKE_PROFIT_BIT: constant(uint256) = 2**63
_MODES: constant(uint256) = 2**63 | 2**127 | 2**191 | 2**255


# @dev The first score of each lane of a score word, and the bias of each of its scores.
_SCORES: constant(uint256) = _M20 | (_M20 << 64) | (_M20 << 128) | (_M20 << 192)
_BIAS: constant(uint256) = 2**19
_LANE_BIAS: constant(uint256) = _BIAS | (_BIAS << 20) | (_BIAS << 40)
_WORD_BIAS: constant(uint256) = (
    _LANE_BIAS | (_LANE_BIAS << 64) | (_LANE_BIAS << 128) | (_LANE_BIAS << 192)
)
_MAX_SCORE: constant(uint256) = _BIAS - 1


_MILLIONTH: constant(uint256) = 10**6
_RATE_ONE: constant(uint256) = 10**12
_SCALE_ONE: constant(uint256) = 2**40
_GAIN_ONE: constant(uint256) = _RATE_ONE * _SCALE_ONE
_HARDENING_ONE: constant(uint256) = 2**16
_MAX_LEVEL: constant(uint256) = 15


# @dev Bits of a coefficient, and of hardening per level (at most 65536 / 15).
_COEFFICIENT_BITS: constant(uint256) = 40
_MAX_HK: constant(uint256) = 2**15 - 1


# @dev NMR on this chain, the tournament's rounds, and its models.
TOKEN: public(immutable(address))
ORACLE: public(immutable(address))
REGISTRY: public(immutable(address))


# @dev Stake of model m: word m >> 2, bit 64 * (m & 3): stake 56 | unused 7 | take-profit 1.
_lanes: uint256[_MAX_WORDS]


# @dev Claimable U of model m, in the same place, 64 bits.
_out_lanes: uint256[_MAX_WORDS]


# @dev Queue records, by round and model.
_pend: HashMap[uint256, HashMap[uint256, uint256]]


# @dev First model of each round's queue: its id + 1; 0 for an empty queue.
_q_head: HashMap[uint256, uint256]


# @dev Close of each announced round, in seconds (40 bits); 216 unused.
_closes: HashMap[uint256, uint256]


# @dev Link of the next batch of each round.
_cursor: HashMap[uint256, bytes32]


# @dev By round: c1 40 | c2 40 | c3 40 | up 40 | down 40 | hk 15 | scale 41, from the lowest bit.
_coefficients: HashMap[uint256, uint256]


# @dev Slot A: staked 56 | queued 56 | out 56 | vault 56 | hint 32, from the lowest bit.
_ledger: uint256


# @dev Slot B: burn_owed 56 | head 32 | head_since 40 | last_terminal 40 | next_word 19 | words 19 |
# begun 1 | last_announced 32, from the lowest bit; 17 unused.
_progress: uint256


event RoundScheduled:
    round: indexed(uint256)
    close: uint256


event Deposited:
    model: indexed(uint256)
    round: indexed(uint256)
    owner: indexed(address)
    amount: uint256


event ReleaseRequested:
    model: indexed(uint256)
    round: indexed(uint256)
    amount: uint256


event ModeRequested:
    model: indexed(uint256)
    round: indexed(uint256)
    mode: uint256


event Claimed:
    model: indexed(uint256)
    payout: indexed(address)
    amount: uint256


event Funded:
    sender: indexed(address)
    amount: uint256


event Drained:
    round: indexed(uint256)
    records: uint256
    deposited: uint256
    released: uint256


event RoundBegun:
    round: indexed(uint256)
    chain_head: bytes32
    words: uint256
    at_risk: uint256
    coefficients: Coefficients


event BatchSettled:
    round: indexed(uint256)
    start: uint256
    words: uint256
    gains: uint256
    taken: uint256
    burns: uint256


event RoundSettled:
    round: indexed(uint256)


@deploy
def __init__(token: address, oracle: address, registry: address):
    """
    @param token NMR on this chain: an ERC-20 that moves exactly what it is asked to.
    @param oracle The tournament's RoundOracle, deployed before or after this contract.
    @param registry The tournament's ModelRegistry, deployed before or after this contract.
    """
    assert empty(address) not in [token, oracle, registry], "pool: zero address"
    TOKEN = token
    ORACLE = oracle
    REGISTRY = registry
    self._store_progress(
        Progress(
            burn_owed=0,
            head=1,
            head_since=block.timestamp,
            last_terminal=block.timestamp,
            next_word=0,
            words=0,
            begun=False,
            last_announced=0,
        )
    )


@external
def schedule(k: uint256, close: uint256):
    """
    @notice Makes round `k` known to the pool. Only the oracle, when it announces the round.
    @param k The round, one above the last one announced.
    @param close The block time in seconds from which the round takes no more requests.
    """
    assert msg.sender == ORACLE, "pool: not oracle"
    progress: Progress = self._load_progress()
    assert k == progress.last_announced + 1, "pool: round order"
    assert k < progress.head + _MAX_PENDING, "pool: too many pending"
    assert close > max(block.timestamp, self._closes[k - 1]), "pool: close in the past"
    assert close <= _M40, "pool: close"
    self._closes[k] = close
    progress.last_announced = k
    self._store_progress(progress)
    log RoundScheduled(round=k, close=close)


@external
def deposit(model: uint256, amount: uint256, max_round: uint256) -> uint256:
    """
    @notice Adds to a model's stake from the round that is open now. Only the model's owner, who
            must have approved the pool for the amount.
    @param model The model's id.
    @param amount Wei, whole units, at least 0.1 NMR.
    @param max_round The last round that the caller agrees to join.
    @return uint256 The round.
    """
    units: uint256 = self._units(amount)
    assert units >= _MIN, "pool: below minimum"
    assert msg.sender == staticcall IModelRegistry(REGISTRY).owner_of(model), "pool: not owner"
    ledger: Ledger = self._load_ledger()
    progress: Progress = self._load_progress()
    self._check_capacity(ledger, progress, units)
    round: uint256 = self._target(ledger, progress, max_round)
    record: uint256 = self._pend[round][model]
    # The record's deposit is part of `queued`, so the sum stays in its 56 bits.
    self._put(round, model, record, record + units)
    ledger.queued += units
    ledger.hint = round
    self._store_ledger(ledger)
    log Deposited(model=model, round=round, owner=msg.sender, amount=units)
    self._pull(amount)
    return round


@external
def request_release(model: uint256, amount: uint256, max_round: uint256) -> uint256:
    """
    @notice Asks that stake leaves the model before the round that is open now is scored. It still
            bears the scores of earlier rounds. Only the model's owner.
    @param model The model's id.
    @param amount Wei, whole units, at least 0.1 NMR; 2^256 - 1 for all. Requests for the same
           round add up; what exceeds the stake is ignored.
    @param max_round The last round that the caller agrees to join.
    @return uint256 The round.
    """
    units: uint256 = _RELEASE_ALL
    if amount != max_value(uint256):
        units = self._units(amount)
        assert units >= _MIN, "pool: below minimum"
    round: uint256 = self._authorize(model, max_round)
    record: uint256 = self._pend[round][model]
    before: uint256 = (record >> _RELEASE_SHIFT) & _M56
    after: uint256 = min(before + units, _RELEASE_ALL)
    self._put(round, model, record, record + ((after - before) << _RELEASE_SHIFT))
    log ReleaseRequested(model=model, round=round, amount=min(units, _RELEASE_ALL))
    return round


@external
def set_mode(model: uint256, mode: uint256, max_round: uint256) -> uint256:
    """
    @notice Asks that the model's gains stay in its stake or leave it, from the round that is open
            now. The last request for a round counts. Only the model's owner.
    @param model The model's id.
    @param mode 1 compound (gains stay), 2 take-profit (gains become claimable).
    @param max_round The last round that the caller agrees to join.
    @return uint256 The round.
    """
    assert mode == _COMPOUND or mode == _TAKE_PROFIT, "pool: mode"
    round: uint256 = self._authorize(model, max_round)
    record: uint256 = self._pend[round][model]
    self._put(round, model, record, (record & ~_MODE_MASK) | (mode << _MODE_SHIFT))
    log ModeRequested(model=model, round=round, mode=mode)
    return round


@external
def claim(model: uint256) -> uint256:
    """
    @notice Pays all that is claimable of a model to its payout address. Anyone may call it.
    @param model The model's id.
    @return uint256 The amount in wei.
    """
    payout: address = extcall IModelRegistry(REGISTRY).use_nonce_for_claim(model)
    offset: uint256 = 64 * (model & 3)
    word: uint256 = self._out_lanes[model >> 2]
    units: uint256 = (word >> offset) & _M64
    assert units != 0, "pool: nothing to claim"
    self._out_lanes[model >> 2] = word - (units << offset)
    ledger: Ledger = self._load_ledger()
    ledger.out -= units
    self._store_ledger(ledger)
    log Claimed(model=model, payout=payout, amount=units)
    assert extcall IERC20(TOKEN).transfer(payout, units * _UNIT), "pool: transfer failed"
    return units * _UNIT


@external
def fund(amount: uint256):
    """
    @notice Adds to the vault that gains are paid from. Anyone may; there is no way back.
    @param amount Wei, whole units, not zero.
    """
    units: uint256 = self._units(amount)
    assert units != 0, "pool: zero amount"
    ledger: Ledger = self._load_ledger()
    self._check_capacity(ledger, self._load_progress(), units)
    ledger.vault += units
    self._store_ledger(ledger)
    log Funded(sender=msg.sender, amount=units)
    self._pull(amount)


@external
def drain(k: uint256, n: uint256) -> uint256:
    """
    @notice Applies requests of the head round's queue once the round is closed. Calls no other
            contract and does not depend on what the requests say. Anyone may call it.
    @param k The head round.
    @param n How many requests at most.
    @return uint256 How many were applied.
    """
    progress: Progress = self._load_progress()
    assert k == progress.head, "pool: not head"
    assert k <= progress.last_announced and block.timestamp >= self._closes[k], "pool: open"
    assert not progress.begun, "pool: begun"
    following: uint256 = self._q_head[k]
    records: uint256 = 0
    deposited: uint256 = 0
    released: uint256 = 0
    for _: uint256 in range(min(n, _MAX_MODELS), bound=_MAX_MODELS):
        if following == 0:
            break
        model: uint256 = following - 1
        record: uint256 = self._pend[k][model]
        self._pend[k][model] = 0
        deposited += record & _M56
        released += self._apply(model, record)
        records += 1
        following = record >> _NEXT_SHIFT
    self._q_head[k] = following
    ledger: Ledger = self._load_ledger()
    ledger.staked = ledger.staked + deposited - released
    ledger.queued -= deposited
    ledger.out += released
    self._store_ledger(ledger)
    log Drained(round=k, records=records, deposited=deposited, released=released)
    return records


@external
def begin(k: uint256):
    """
    @notice Fixes the arithmetic of the head round: its queue is empty and its commit final. The
            first `settle` of a round does the same. Anyone may call it.
    @param k The head round.
    """
    progress: Progress = self._load_progress()
    assert k == progress.head, "pool: not head"
    assert not progress.begun, "pool: begun"
    self._store_progress(self._begun(k, progress))


@external
def settle(k: uint256, start: uint256, next: bytes32, words: DynArray[uint256, _PAGE]):
    """
    @notice Applies one batch of scores to the stakes of the head round. The batches of a round
            form a hash chain and come in its order; the last one ends the round. Anyone may call
            it: the batch is what the operators signed or it is refused.
    @param k The head round.
    @param start Index of the batch's first word.
    @param next Link of the batch that follows, zero for the last one.
    @param words Score words.
    """
    # An admitted batch has start + len(words) <= 2^18, so that `i` stays inside both arrays.
    c: Coefficients = self._admit(
        k,
        start,
        next,
        len(words),
        keccak256(concat(next, convert(start, bytes32), keccak256(abi_encode(words)))),
    )
    # Scores are biased to be unsigned: a sum at or above `zero` is a gain, below it a burn.
    zero: uint256 = (c.c1 + c.c2 + c.c3) * _BIAS
    gains: uint256 = 0
    taken: uint256 = 0
    burns: uint256 = 0
    i: uint256 = start

    # The four lanes of a word are written out, and their sums formed in one multiplication a
    # score: a loop over the lanes costs 85 gas more a model, an internal function 230. Bounds,
    # with every coefficient below 2^40, clips and rates at most 10^12 < 2^40, stakes below 2^56:
    # - a lane's sum is below 3 * 2^40 * 2^20 < 2^62, so no lane of `sums` reaches the next;
    # - hardening is below 2^62 * (2^16 + 15 * 2^15) < 2^82;
    # - a gain's product is below 2^56 * 2^40 * 2^41 = 2^137;
    # - a burn is at most the lane's stake, and all gains of a round at most the vault (see
    #   `_begun`), so a lane plus its gain minus its burn, the out lanes, and the lanes of
    #   `gains`, `taken` and `burns`, which add up words, all stay in 0 ... held < 2^56.
    for scores: uint256 in words:
        if scores == 0:
            i = unsafe_add(i, 1)
            continue
        word: uint256 = scores ^ _WORD_BIAS
        sums: uint256 = unsafe_add(
            unsafe_add(
                unsafe_mul(c.c1, word & _SCORES), unsafe_mul(c.c2, (word >> 20) & _SCORES)
            ),
            unsafe_mul(c.c3, (word >> 40) & _SCORES),
        )
        stakes: uint256 = self._lanes[i]
        gain: uint256 = 0
        burn: uint256 = 0
        x: uint256 = 0
        hardening: uint256 = 0

        x = sums & _M64
        if x >= zero:
            x = unsafe_mul(min(unsafe_sub(x, zero), c.up), c.scale)
            gain |= unsafe_div(unsafe_mul(stakes & _M56, x), _GAIN_ONE)
        else:
            hardening = unsafe_add(_HARDENING_ONE, unsafe_mul(c.hk, (word >> 60) & _MAX_LEVEL))
            x = min(unsafe_mul(unsafe_sub(zero, x), hardening) >> 16, c.down)
            burn |= unsafe_div(unsafe_mul(stakes & _M56, x), _RATE_ONE)

        x = (sums >> 64) & _M64
        if x >= zero:
            x = unsafe_mul(min(unsafe_sub(x, zero), c.up), c.scale)
            gain |= unsafe_div(unsafe_mul((stakes >> 64) & _M56, x), _GAIN_ONE) << 64
        else:
            hardening = unsafe_add(_HARDENING_ONE, unsafe_mul(c.hk, (word >> 124) & _MAX_LEVEL))
            x = min(unsafe_mul(unsafe_sub(zero, x), hardening) >> 16, c.down)
            burn |= unsafe_div(unsafe_mul((stakes >> 64) & _M56, x), _RATE_ONE) << 64

        x = (sums >> 128) & _M64
        if x >= zero:
            x = unsafe_mul(min(unsafe_sub(x, zero), c.up), c.scale)
            gain |= unsafe_div(unsafe_mul((stakes >> 128) & _M56, x), _GAIN_ONE) << 128
        else:
            hardening = unsafe_add(_HARDENING_ONE, unsafe_mul(c.hk, (word >> 188) & _MAX_LEVEL))
            x = min(unsafe_mul(unsafe_sub(zero, x), hardening) >> 16, c.down)
            burn |= unsafe_div(unsafe_mul((stakes >> 128) & _M56, x), _RATE_ONE) << 128

        x = sums >> 192
        if x >= zero:
            x = unsafe_mul(min(unsafe_sub(x, zero), c.up), c.scale)
            gain |= unsafe_div(unsafe_mul((stakes >> 192) & _M56, x), _GAIN_ONE) << 192
        else:
            hardening = unsafe_add(_HARDENING_ONE, unsafe_mul(c.hk, word >> 252))
            x = min(unsafe_mul(unsafe_sub(zero, x), hardening) >> 16, c.down)
            burn |= unsafe_div(unsafe_mul((stakes >> 192) & _M56, x), _RATE_ONE) << 192

        gains = unsafe_add(gains, gain)
        burns = unsafe_add(burns, burn)
        after: uint256 = unsafe_sub(unsafe_add(stakes, gain), burn)
        if stakes & _MODES != 0:
            # All 64 bits of each lane that takes profit.
            profit: uint256 = gain & unsafe_mul((stakes & _MODES) >> 63, _M64)
            self._out_lanes[i] = unsafe_add(self._out_lanes[i], profit)
            taken = unsafe_add(taken, profit)
            after = unsafe_sub(after, profit)
        if after != stakes:
            self._lanes[i] = after
        i = unsafe_add(i, 1)

    self._book(k, start, len(words), gains, taken, burns)
    if next == empty(bytes32):
        log RoundSettled(round=k)


@external
@view
def target() -> uint256:
    """
    @notice The round that requests join now: the first announced one that is not closed, else
            the one after the last announced.
    @return uint256 The round.
    """
    return self._target(self._load_ledger(), self._load_progress(), max_value(uint256))


@external
@view
def stake_of(model: uint256) -> uint256:
    """
    @param model The model's id, below 2^20.
    @return uint256 The model's stake in wei, without what is queued.
    """
    assert model < _MAX_MODELS, "pool: unknown model"
    return ((self._lanes[model >> 2] >> (64 * (model & 3))) & _M56) * _UNIT


@external
@view
def claimable_of(model: uint256) -> uint256:
    """
    @param model The model's id, below 2^20.
    @return uint256 What `claim` pays now, in wei.
    """
    assert model < _MAX_MODELS, "pool: unknown model"
    return ((self._out_lanes[model >> 2] >> (64 * (model & 3))) & _M64) * _UNIT


@external
@view
def record_of(k: uint256, model: uint256) -> uint256:
    """
    @param k Any round.
    @param model The model's id.
    @return uint256 The model's queue record, zero if there is none: deposit 56 | release 56 |
            mode 2 | next model's id + 1, 21; amounts in U, a release of 2^56 - 1 means all.
    """
    return self._pend[k][model]


@external
@view
def queue(k: uint256, from_id_plus_1: uint256, n: uint256) -> DynArray[uint256, _PAGE]:
    """
    @notice A page of a round's queue, newest first. The next page starts at the `next` field of
            this page's last record; the queue ends where that is zero.
    @param k Any round.
    @param from_id_plus_1 A queued model's id + 1 to start at, or 0 for the first.
    @param n How many records at most, up to 1,024.
    @return DynArray The records as in `record_of`, each with its model's id at bit 160.
    """
    assert n <= _PAGE, "pool: page too long"
    page: DynArray[uint256, _PAGE] = []
    following: uint256 = from_id_plus_1
    if following == 0:
        following = self._q_head[k]
    for _: uint256 in range(n, bound=_PAGE):
        if following == 0:
            break
        model: uint256 = following - 1
        record: uint256 = self._pend[k][model]
        assert record != 0, "pool: not queued"
        page.append(record | (model << _MODEL_SHIFT))
        following = record >> _NEXT_SHIFT
    return page


@external
@view
def lane_words(start: uint256, n: uint256) -> DynArray[uint256, _PAGE]:
    """
    @param start Index of the first word; model m is in word m >> 2, at bit 64 * (m & 3).
    @param n How many words, up to 1,024.
    @return DynArray The words: per lane stake 56 (U) | unused 7 | take-profit 1.
    """
    self._check_page(start, n)
    page: DynArray[uint256, _PAGE] = []
    for i: uint256 in range(n, bound=_PAGE):
        page.append(self._lanes[start + i])
    return page


@external
@view
def out_words(start: uint256, n: uint256) -> DynArray[uint256, _PAGE]:
    """
    @param start Index of the first word; model m is in word m >> 2, at bit 64 * (m & 3).
    @param n How many words, up to 1,024.
    @return DynArray The words: per lane claimable 64 (U).
    """
    self._check_page(start, n)
    page: DynArray[uint256, _PAGE] = []
    for i: uint256 in range(n, bound=_PAGE):
        page.append(self._out_lanes[start + i])
    return page


@external
@view
def totals() -> Totals:
    """
    @return Totals What the pool holds, by part, in U.
    """
    ledger: Ledger = self._load_ledger()
    return Totals(
        staked=ledger.staked,
        queued=ledger.queued,
        out=ledger.out,
        vault=ledger.vault,
        burn_owed=self._load_progress().burn_owed,
    )


@external
@view
def state() -> State:
    """
    @return State Where the pool is in its rounds.
    """
    progress: Progress = self._load_progress()
    return State(
        head=progress.head,
        head_since=progress.head_since,
        last_terminal=progress.last_terminal,
        next_word=progress.next_word,
        words=progress.words,
        begun=progress.begun,
        last_announced=progress.last_announced,
    )


@external
@view
def round_state(k: uint256) -> RoundState:
    """
    @param k Any round.
    @return RoundState What the pool knows of it. Coefficients stay after the round is settled.
    """
    return RoundState(
        close=self._closes[k],
        queue_head=self._q_head[k],
        cursor=self._cursor[k],
        coefficients=self._load_coefficients(k),
    )


@internal
def _authorize(model: uint256, max_round: uint256) -> uint256:
    """
    @dev Uses up the model's nonce; reverts unless its owner calls and the round is acceptable.
    @param model The model's id.
    @param max_round The last round that the caller agrees to join.
    @return uint256 The round that requests join now.
    """
    owner: address = extcall IModelRegistry(REGISTRY).use_nonce(model)
    assert msg.sender == owner, "pool: not owner"
    return self._target(self._load_ledger(), self._load_progress(), max_round)


@internal
@view
def _target(ledger: Ledger, progress: Progress, max_round: uint256) -> uint256:
    """
    @dev Rounds below the hint are closed: it was the target once. So are rounds below the head.
         From the head to the last announced round there are at most `_MAX_PENDING`.
    @param ledger Slot A.
    @param progress Slot B.
    @param max_round The last round that the caller agrees to join.
    @return uint256 The round that requests join now.
    """
    round: uint256 = max(ledger.hint, progress.head)
    for _: uint256 in range(_MAX_PENDING):
        if round > progress.last_announced or block.timestamp < self._closes[round]:
            break
        round += 1
    assert round <= max_round, "pool: round passed"
    return round


@internal
def _put(k: uint256, model: uint256, record: uint256, changed: uint256):
    """
    @dev Stores a record, and links it in front of the queue at its first request. No request
         leaves a record at zero.
    @param k The round.
    @param model The model's id.
    @param record The record as it was.
    @param changed The record as it becomes, its `next` field as before.
    """
    linked: uint256 = changed
    if record == 0:
        linked |= self._q_head[k] << _NEXT_SHIFT
        self._q_head[k] = model + 1
    self._pend[k][model] = linked


@internal
def _apply(model: uint256, record: uint256) -> uint256:
    """
    @dev Applies a record in its fixed order: mode, deposit, release. What is queued and what is
         staked are parts of held, so the lane stays in its 56 bits.
    @param model The model's id.
    @param record Its queue record.
    @return uint256 The released amount in U.
    """
    offset: uint256 = 64 * (model & 3)
    word: uint256 = self._lanes[model >> 2]
    mode: uint256 = (record >> _MODE_SHIFT) & 3
    if mode == _COMPOUND:
        word &= ~(_TAKE_PROFIT_BIT << offset)
    elif mode == _TAKE_PROFIT:
        word |= _TAKE_PROFIT_BIT << offset
    stake: uint256 = ((word >> offset) & _M56) + (record & _M56)
    released: uint256 = min((record >> _RELEASE_SHIFT) & _M56, stake)
    word &= ~(_M56 << offset)
    self._lanes[model >> 2] = word | ((stake - released) << offset)
    if released != 0:
        self._out_lanes[model >> 2] += released << offset
    return released


@internal
def _begun(k: uint256, progress: Progress) -> Progress:
    """
    @dev Computes and stores the round's coefficients. Gains are scaled so that they cannot exceed
         the vault: with rates at most `up`, stakes that sum to `staked`, and
         scale / 2^40 <= vault / ceil(staked * up), their sum is at most the vault.
         The checks bound what `settle` computes without overflow checks; the oracle contract
         keeps narrower bounds, but the pool's safety does not rest on it.
    @param k The head round.
    @param progress Slot B.
    @return Progress Slot B with the round begun, for the caller to store.
    """
    assert self._q_head[k] == 0, "pool: queue"
    terms: IRoundOracle.Settlement = staticcall IRoundOracle(ORACLE).settlement(k)
    assert terms.chain_head != empty(bytes32), "pool: no scores"
    assert terms.words <= _MAX_WORDS, "pool: too many words"
    assert max(terms.clip_up, terms.clip_down) <= _RATE_ONE, "pool: clip"
    assert terms.kappa <= _MILLIONTH, "pool: kappa"
    ledger: Ledger = self._load_ledger()
    c: Coefficients = empty(Coefficients)
    c.c1 = self._coefficient(terms.multipliers[0], terms)
    c.c2 = self._coefficient(terms.multipliers[1], terms)
    c.c3 = self._coefficient(terms.multipliers[2], terms)
    c.up = min(terms.clip_up, (c.c1 + c.c2 + c.c3) * _MAX_SCORE)
    c.down = terms.clip_down
    c.hk = terms.kappa * _HARDENING_ONE // (_MAX_LEVEL * _MILLIONTH)
    c.scale = _SCALE_ONE
    need: uint256 = (ledger.staked * c.up + _RATE_ONE - 1) // _RATE_ONE
    if ledger.vault < need:
        c.scale = ledger.vault * _SCALE_ONE // need
    self._coefficients[k] = self._pack_coefficients(c)
    self._cursor[k] = terms.chain_head
    log RoundBegun(
        round=k,
        chain_head=terms.chain_head,
        words=terms.words,
        at_risk=terms.at_risk,
        coefficients=c,
    )
    begun: Progress = progress
    begun.next_word = 0
    begun.words = terms.words
    begun.begun = True
    return begun


@internal
@pure
def _coefficient(multiplier: uint256, terms: IRoundOracle.Settlement) -> uint256:
    """
    @dev Multiplier times phi times the payout factor min(1, threshold / at risk), rounded down
         once.
    @param multiplier A score's multiplier at 10^-6.
    @param terms The round's terms.
    @return uint256 The coefficient at 10^-6, below 2^40.
    """
    coefficient: uint256 = multiplier * terms.phi
    if terms.at_risk <= terms.threshold:
        coefficient = coefficient // _MILLIONTH
    else:
        coefficient = coefficient * terms.threshold // (_MILLIONTH * terms.at_risk)
    assert coefficient >> _COEFFICIENT_BITS == 0, "pool: coefficient"
    return coefficient


@internal
def _admit(
    k: uint256, start: uint256, next: bytes32, count: uint256, link: bytes32
) -> Coefficients:
    """
    @dev Begins the round if need be, checks that the batch is the next of the chain and lies
         behind the words already settled and inside the round's words, and moves on. After the
         last batch the next round is the head.
    @param k The round.
    @param start Index of the batch's first word.
    @param next Link of the following batch, or zero.
    @param count Words of the batch.
    @param link Link of the batch.
    @return Coefficients The round's arithmetic.
    """
    progress: Progress = self._load_progress()
    assert k == progress.head, "pool: not head"
    if not progress.begun:
        progress = self._begun(k, progress)
    assert link == self._cursor[k], "pool: batch"
    assert start >= progress.next_word, "pool: order"
    progress.next_word = start + count
    assert progress.next_word <= progress.words, "pool: words"
    self._cursor[k] = next
    if next == empty(bytes32):
        progress.head = k + 1
        progress.head_since = block.timestamp
        progress.last_terminal = block.timestamp
        progress.next_word = 0
        progress.words = 0
        progress.begun = False
    self._store_progress(progress)
    return self._load_coefficients(k)


@internal
def _book(
    k: uint256, start: uint256, count: uint256, gains: uint256, taken: uint256, burns: uint256
):
    """
    @dev Moves a batch's amounts between the parts of held: gains leave the vault for the stakes
         or, where they were taken, the out lanes; burns leave the stakes. Each vector is four
         sums, one for each place in a word.
    @param k The round.
    @param start Index of the batch's first word.
    @param count Words of the batch.
    @param gains Gains as a vector, in U.
    @param taken The part of the gains that went to out lanes, as a vector, in U.
    @param burns Burns as a vector, in U.
    """
    gained: uint256 = self._sum(gains)
    out: uint256 = self._sum(taken)
    burned: uint256 = self._sum(burns)
    ledger: Ledger = self._load_ledger()
    ledger.staked = ledger.staked + gained - out - burned
    ledger.out += out
    ledger.vault -= gained
    self._store_ledger(ledger)
    progress: Progress = self._load_progress()
    progress.burn_owed += burned
    self._store_progress(progress)
    log BatchSettled(
        round=k, start=start, words=count, gains=gained, taken=out, burns=burned
    )


@internal
def _pull(amount: uint256):
    """
    @dev Takes tokens from the caller and insists on the exact amount.
    @param amount Wei.
    """
    token: IERC20 = IERC20(TOKEN)
    before: uint256 = staticcall token.balanceOf(self)
    assert extcall token.transferFrom(msg.sender, self, amount), "pool: transfer failed"
    assert staticcall token.balanceOf(self) == before + amount, "pool: inexact transfer"


@internal
@view
def _check_capacity(ledger: Ledger, progress: Progress, units: uint256):
    """
    @dev Reverts unless held stays below 2^56 U.
    @param ledger Slot A.
    @param progress Slot B.
    @param units The amount to add, in U.
    """
    held: uint256 = (
        ledger.staked + ledger.queued + ledger.out + ledger.vault + progress.burn_owed
    )
    assert held + units <= _M56, "pool: capacity"


@internal
@pure
def _check_page(start: uint256, n: uint256):
    """
    @param start Index of a page's first word.
    @param n Its words.
    """
    assert n <= _PAGE, "pool: page too long"
    assert start <= _MAX_WORDS - n, "pool: no such word"


@internal
@pure
def _units(amount: uint256) -> uint256:
    """
    @param amount Wei.
    @return uint256 The same in U.
    """
    assert amount % _UNIT == 0, "pool: not whole units"
    return amount // _UNIT


@internal
@pure
def _sum(vector: uint256) -> uint256:
    """
    @param vector Four 64-bit numbers, each below 2^56.
    @return uint256 Their sum.
    """
    return (
        (vector & _M64) + ((vector >> 64) & _M64) + ((vector >> 128) & _M64) + (vector >> 192)
    )


@internal
@view
def _load_ledger() -> Ledger:
    """
    @return Ledger The fields of slot A.
    """
    word: uint256 = self._ledger
    return Ledger(
        staked=word & _M56,
        queued=(word >> 56) & _M56,
        out=(word >> 112) & _M56,
        vault=(word >> 168) & _M56,
        hint=word >> 224,
    )


@internal
def _store_ledger(ledger: Ledger):
    """
    @param ledger The fields of slot A: parts of held, which is below 2^56, and a round.
    """
    self._ledger = (
        ledger.staked
        | (ledger.queued << 56)
        | (ledger.out << 112)
        | (ledger.vault << 168)
        | (ledger.hint << 224)
    )


@internal
@view
def _load_progress() -> Progress:
    """
    @return Progress The fields of slot B.
    """
    word: uint256 = self._progress
    return Progress(
        burn_owed=word & _M56,
        head=(word >> 56) & _M32,
        head_since=(word >> 88) & _M40,
        last_terminal=(word >> 128) & _M40,
        next_word=(word >> 168) & _M19,
        words=(word >> 187) & _M19,
        begun=(word >> 206) & 1 == 1,
        last_announced=(word >> 207) & _M32,
    )


@internal
def _store_progress(progress: Progress):
    """
    @param progress The fields of slot B, each inside its bits.
    """
    self._progress = (
        progress.burn_owed
        | (progress.head << 56)
        | (progress.head_since << 88)
        | (progress.last_terminal << 128)
        | (progress.next_word << 168)
        | (progress.words << 187)
        | (convert(progress.begun, uint256) << 206)
        | (progress.last_announced << 207)
    )


@internal
@view
def _load_coefficients(k: uint256) -> Coefficients:
    """
    @param k Any round.
    @return Coefficients The round's arithmetic, zeros before it begins.
    """
    word: uint256 = self._coefficients[k]
    return Coefficients(
        c1=word & _M40,
        c2=(word >> 40) & _M40,
        c3=(word >> 80) & _M40,
        up=(word >> 120) & _M40,
        down=(word >> 160) & _M40,
        hk=(word >> 200) & _MAX_HK,
        scale=word >> 215,
    )


@internal
@pure
def _pack_coefficients(c: Coefficients) -> uint256:
    """
    @param c A round's arithmetic: coefficients below 2^40, clips at most 10^12, hk below 2^15,
           scale at most 2^40.
    @return uint256 The word of `_coefficients`.
    """
    return (
        c.c1
        | (c.c2 << 40)
        | (c.c3 << 80)
        | (c.up << 120)
        | (c.down << 160)
        | (c.hk << 200)
        | (c.scale << 215)
    )
