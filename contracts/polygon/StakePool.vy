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
     and `claim` may be called by anyone. The oracle can add rounds and give them scores; without
     it no round ends, and nothing else is lost.

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


from ..modules import books
from ..modules import lanes
from ..modules import payout
from ..modules import requests
initializes: lanes
initializes: requests
initializes: books


exports: (
    lanes.stake_of,
    lanes.claimable_of,
    lanes.lane_words,
    lanes.out_words,
    requests.record_of,
    requests.queue,
    books.totals,
    books.state,
)


# @dev What the pool knows of a round. `close` in seconds, 0 before its announcement; `queue_head`
# is the first queued model's id + 1; `cursor` is the link of the next batch, zero before the
# round begins and after it is settled. Coefficients are zero before it begins.
struct RoundState:
    close: uint256
    queue_head: uint256
    cursor: bytes32
    coefficients: payout.Coefficients


# @dev Wei in a unit, and the least deposit or partial release: 0.1 NMR.
_UNIT: constant(uint256) = 10**9
_MIN: constant(uint256) = 10**8


# @dev Rounds from the head to the last announced one, at most.
_MAX_PENDING: constant(uint256) = 96


_MAX_CLOSE: constant(uint256) = 2**40 - 1


# @dev The first score of each lane of a score word, and the bias of each of its scores.
_SCORES: constant(uint256) = (2**20 - 1) * (1 + 2**64 + 2**128 + 2**192)
_BIAS: constant(uint256) = 2**19
_WORD_BIAS: constant(uint256) = _BIAS * (1 + 2**20 + 2**40) * (1 + 2**64 + 2**128 + 2**192)


_M56: constant(uint256) = lanes.M56
_M64: constant(uint256) = lanes.M64
_TAKE_PROFIT: constant(uint256) = lanes.TAKE_PROFIT_BITS
_MAX_LEVEL: constant(uint256) = payout.MAX_LEVEL
_HARDENING_ONE: constant(uint256) = payout.HARDENING_ONE
_RATE_ONE: constant(uint256) = payout.RATE_ONE


# @dev What a gain's product of stake, rate and scale is divided by.
_GAIN_ONE: constant(uint256) = _RATE_ONE * payout.SCALE_ONE


# @dev NMR on this chain, the tournament's rounds, and its models.
TOKEN: public(immutable(address))
ORACLE: public(immutable(address))
REGISTRY: public(immutable(address))


# @dev Close of each announced round, in seconds (40 bits); 216 unused.
_closes: HashMap[uint256, uint256]


# @dev Link of the next batch of each round.
_cursor: HashMap[uint256, bytes32]


# @dev By round: c1 40 | c2 40 | c3 40 | up 40 | down 40 | hk 15 | scale 41, from the lowest bit.
_coefficients: HashMap[uint256, uint256]


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
    coefficients: payout.Coefficients


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
    books._store_progress(
        books.Progress(
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
    progress: books.Progress = books._load_progress()
    assert k == progress.last_announced + 1, "pool: round order"
    assert k < progress.head + _MAX_PENDING, "pool: too many pending"
    assert close > max(block.timestamp, self._closes[k - 1]), "pool: close in the past"
    assert close <= _MAX_CLOSE, "pool: bad close"
    self._closes[k] = close
    progress.last_announced = k
    books._store_progress(progress)
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
    held: books.Holdings = books._load_holdings()
    progress: books.Progress = books._load_progress()
    books._check_capacity(held, progress, units)
    round: uint256 = self._target(held, progress, max_round)
    requests._add_deposit(round, model, units)
    held.queued += units
    held.hint = round
    books._store_holdings(held)
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
    units: uint256 = requests.RELEASE_ALL
    if amount != max_value(uint256):
        units = self._units(amount)
        assert units >= _MIN, "pool: below minimum"
    round: uint256 = self._authorize(model, max_round)
    requests._add_release(round, model, units)
    log ReleaseRequested(model=model, round=round, amount=min(units, requests.RELEASE_ALL))
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
    assert mode == lanes.COMPOUND or mode == lanes.TAKE_PROFIT, "pool: mode"
    round: uint256 = self._authorize(model, max_round)
    requests._set_mode(round, model, mode)
    log ModeRequested(model=model, round=round, mode=mode)
    return round


@external
def claim(model: uint256) -> uint256:
    """
    @notice Pays all that is claimable of a model to its payout address. Anyone may call it.
    @param model The model's id.
    @return uint256 The amount in wei.
    """
    receiver: address = extcall IModelRegistry(REGISTRY).use_nonce_for_claim(model)
    units: uint256 = lanes._take(model)
    assert units != 0, "pool: nothing to claim"
    held: books.Holdings = books._load_holdings()
    held.out -= units
    books._store_holdings(held)
    log Claimed(model=model, payout=receiver, amount=units)
    assert extcall IERC20(TOKEN).transfer(receiver, units * _UNIT), "pool: transfer failed"
    return units * _UNIT


@external
def fund(amount: uint256):
    """
    @notice Adds to the vault that gains are paid from. Anyone may; there is no way back.
    @param amount Wei, whole units, not zero.
    """
    units: uint256 = self._units(amount)
    assert units != 0, "pool: zero amount"
    held: books.Holdings = books._load_holdings()
    books._check_capacity(held, books._load_progress(), units)
    held.vault += units
    books._store_holdings(held)
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
    progress: books.Progress = books._load_progress()
    assert k == progress.head, "pool: not head"
    assert k <= progress.last_announced and block.timestamp >= self._closes[k], "pool: open"
    assert not progress.begun, "pool: begun"
    following: uint256 = requests._q_head[k]
    records: uint256 = 0
    deposited: uint256 = 0
    released: uint256 = 0
    for _: uint256 in range(min(n, lanes.MAX_MODELS), bound=lanes.MAX_MODELS):
        if following == 0:
            break
        model: uint256 = following - 1
        request: requests.Request = requests._remove(k, model)
        released += lanes._change(model, request.mode, request.deposit, request.release)
        deposited += request.deposit
        records += 1
        following = request.following
    requests._q_head[k] = following
    held: books.Holdings = books._load_holdings()
    held.staked = held.staked + deposited - released
    held.queued -= deposited
    held.out += released
    books._store_holdings(held)
    log Drained(round=k, records=records, deposited=deposited, released=released)
    return records


@external
def begin(k: uint256):
    """
    @notice Fixes the arithmetic of the head round: its queue is empty and its commit final. The
            first `settle` of a round does the same. Anyone may call it.
    @param k The head round.
    """
    progress: books.Progress = books._load_progress()
    assert k == progress.head, "pool: not head"
    assert not progress.begun, "pool: begun"
    books._store_progress(self._begun(k, progress))


@external
def settle(k: uint256, start: uint256, next: bytes32, words: DynArray[uint256, lanes.PAGE]):
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
    c: payout.Coefficients = self._admit(
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
    #   payout.vy), so a lane plus its gain minus its burn, the out lanes, and the lanes of
    #   `gains`, `taken` and `burns`, which add up words, all stay in 0 ... held < 2^56.
    for scores: uint256 in words:
        if scores == 0:
            i = unsafe_add(i, 1)
            continue
        word: uint256 = scores ^ _WORD_BIAS
        sums: uint256 = unsafe_add(
            unsafe_add(unsafe_mul(c.c1, word & _SCORES), unsafe_mul(c.c2, (word >> 20) & _SCORES)),
            unsafe_mul(c.c3, (word >> 40) & _SCORES),
        )
        stakes: uint256 = lanes._lanes[i]
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
        if stakes & _TAKE_PROFIT != 0:
            # All 64 bits of each lane that takes profit.
            profit: uint256 = gain & unsafe_mul((stakes & _TAKE_PROFIT) >> 63, _M64)
            lanes._out_lanes[i] = unsafe_add(lanes._out_lanes[i], profit)
            taken = unsafe_add(taken, profit)
            after = unsafe_sub(after, profit)
        if after != stakes:
            lanes._lanes[i] = after
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
    return self._target(books._load_holdings(), books._load_progress(), max_value(uint256))


@external
@view
def round_state(k: uint256) -> RoundState:
    """
    @param k Any round.
    @return RoundState What the pool knows of it. Coefficients stay after the round is settled.
    """
    return RoundState(
        close=self._closes[k],
        queue_head=requests._q_head[k],
        cursor=self._cursor[k],
        coefficients=payout._unpack(self._coefficients[k]),
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
    return self._target(books._load_holdings(), books._load_progress(), max_round)


@internal
@view
def _target(held: books.Holdings, progress: books.Progress, max_round: uint256) -> uint256:
    """
    @dev Rounds below the hint are closed: it was the target once. So are rounds below the head.
         From the head to the last announced round there are at most `_MAX_PENDING`.
    @param held Slot A.
    @param progress Slot B.
    @param max_round The last round that the caller agrees to join.
    @return uint256 The round that requests join now.
    """
    round: uint256 = max(held.hint, progress.head)
    for _: uint256 in range(_MAX_PENDING):
        if round > progress.last_announced or block.timestamp < self._closes[round]:
            break
        round += 1
    assert round <= max_round, "pool: round passed"
    return round


@internal
def _begun(k: uint256, progress: books.Progress) -> books.Progress:
    """
    @dev Stores the round's coefficients and the first link of its batches.
    @param k The head round.
    @param progress Slot B.
    @return Progress Slot B with the round begun, for the caller to store.
    """
    assert requests._q_head[k] == 0, "pool: queue"
    terms: IRoundOracle.Settlement = staticcall IRoundOracle(ORACLE).settlement(k)
    assert terms.chain_head != empty(bytes32), "pool: no scores"
    assert terms.words <= lanes.MAX_WORDS, "pool: too many words"
    held: books.Holdings = books._load_holdings()
    c: payout.Coefficients = payout._coefficients(terms, held.staked, held.vault)
    self._coefficients[k] = payout._pack(c)
    self._cursor[k] = terms.chain_head
    log RoundBegun(
        round=k,
        chain_head=terms.chain_head,
        words=terms.words,
        at_risk=terms.at_risk,
        coefficients=c,
    )
    begun: books.Progress = progress
    begun.next_word = 0
    begun.words = terms.words
    begun.begun = True
    return begun


@internal
def _admit(
    k: uint256, start: uint256, next: bytes32, count: uint256, link: bytes32
) -> payout.Coefficients:
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
    progress: books.Progress = books._load_progress()
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
    books._store_progress(progress)
    return payout._unpack(self._coefficients[k])


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
    held: books.Holdings = books._load_holdings()
    held.staked = held.staked + gained - out - burned
    held.out += out
    held.vault -= gained
    books._store_holdings(held)
    progress: books.Progress = books._load_progress()
    progress.burn_owed += burned
    books._store_progress(progress)
    log BatchSettled(round=k, start=start, words=count, gains=gained, taken=out, burns=burned)


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
    low: uint256 = (vector & _M64) + ((vector >> 64) & _M64)
    return low + ((vector >> 128) & _M64) + (vector >> 192)


