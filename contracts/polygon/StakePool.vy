# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title StakePool
@custom:contract-name StakePool
@license MIT
@notice Holds the stakes of one tournament's models and pays and burns them by the scores that
        RoundOracle gives each round. Owners ask for deposits, releases and mode changes; a
        request joins the queue of the round that is open for it and is applied (`drain`) after
        that round's close, before its scores (`begin`, `settle`). Rounds end strictly in order,
        without scores if there are none (modules/calendar.vy). What leaves a stake waits in the
        model's claimable amount for `claim`.
@dev No owner, no upgrade, no administrator: nobody can stop a claim or move a stake anywhere but
     to its model's payout address or to the amount owed to the burn. All that keeps rounds going
     may be called by anyone. The oracle can add rounds, give them scores and pause deposits for a
     while; if it falls silent, rounds end without it.

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
from ..modules import calendar
from ..modules import lanes
from ..modules import payout
from ..modules import requests
initializes: lanes
initializes: requests
initializes: books
initializes: calendar[books := books, requests := requests]


exports: (
    lanes.stake_of,
    lanes.claimable_of,
    lanes.lane_words,
    lanes.out_words,
    requests.record_of,
    requests.queue,
    books.totals,
    books.state,
    calendar.ORACLE,
    calendar.schedule,
    calendar.pause,
    calendar.unpause,
    calendar.skip,
    calendar.end_void,
    calendar.call_void,
    calendar.void_rest,
    calendar.wind_down,
    calendar.target,
    calendar.clocks,
)


# @dev What the pool knows of a round. `close` in seconds, 0 before its announcement; `queue_head`
# is the first queued model's id + 1; `cursor` is the link of the next batch: zero before the round
# begins and after its last batch, the first one given up if the rest was. Coefficients are zero
# before it begins. `void_at` is when batches may be given up, 0 if nobody called for it.
struct RoundState:
    close: uint256
    queue_head: uint256
    skipped: bool
    void_at: uint256
    cursor: bytes32
    coefficients: payout.Coefficients


# @dev Wei in a unit, and the least deposit or partial release: 0.1 NMR.
_UNIT: constant(uint256) = 10**9
_MIN: constant(uint256) = 10**8


# @dev Actions that StakeRelay passes on.
_DEPOSIT: constant(uint256) = 1
_RELEASE: constant(uint256) = 2
_MODE: constant(uint256) = 3


# @dev Rounds that one `exit` looks through.
_MAX_EXIT_ROUNDS: constant(uint256) = 128


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


# @dev NMR on this chain, the tournament's models, who passes on what owners signed, and where
# burned tokens go.
TOKEN: public(immutable(address))
REGISTRY: public(immutable(address))
RELAY: public(immutable(address))
BURN_VAULT: public(immutable(address))


# @dev Link of the next batch of each round.
_cursor: HashMap[uint256, bytes32]


# @dev By round: c1 40 | c2 40 | c3 40 | up 40 | down 40 | hk 15 | scale 41, from the lowest bit.
_coefficients: HashMap[uint256, uint256]


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


event Exited:
    model: indexed(uint256)
    payout: indexed(address)
    stake: uint256
    claimable: uint256
    deposits: uint256
    rounds: DynArray[uint256, _MAX_EXIT_ROUNDS]


event Funded:
    sender: indexed(address)
    amount: uint256


event BurnFlushed:
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
def __init__(
    token: address,
    oracle: address,
    registry: address,
    relay: address,
    burn_vault: address,
    clocks: calendar.Clocks,
):
    """
    @param token NMR on this chain: an ERC-20 that moves exactly what it is asked to.
    @param oracle The tournament's RoundOracle, deployed before or after this contract.
    @param registry The tournament's ModelRegistry, deployed before or after this contract.
    @param relay The tournament's StakeRelay, deployed before or after this contract.
    @param burn_vault Where burned tokens go.
    @param clocks Times after which things may happen without the oracle, in seconds.
    """
    peers: address[5] = [token, oracle, registry, relay, burn_vault]
    assert empty(address) not in peers, "pool: zero address"
    TOKEN = token
    REGISTRY = registry
    RELAY = relay
    BURN_VAULT = burn_vault
    calendar.__init__(oracle, clocks)


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
    assert msg.sender == staticcall IModelRegistry(REGISTRY).owner_of(model), "pool: not owner"
    return self._deposit(msg.sender, model, amount, max_round)


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
    assert msg.sender == self._use_nonce(model), "pool: not owner"
    return self._release(model, amount, max_round)


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
    assert msg.sender == self._use_nonce(model), "pool: not owner"
    return self._set_mode(model, mode, max_round)


@external
def act(model: uint256, action: uint256, amount: uint256, max_round: uint256) -> uint256:
    """
    @notice Does what StakeRelay says a model's owner wants. Only StakeRelay.
    @param model The model's id.
    @param action 1 deposit from the owner's allowance, 2 release, 3 mode change.
    @param amount Wei, or the mode.
    @param max_round The last round that may be joined.
    @return uint256 The round.
    """
    assert msg.sender == RELAY, "pool: not relay"
    owner: address = self._use_nonce(model)
    if action == _DEPOSIT:
        return self._deposit(owner, model, amount, max_round)
    if action == _RELEASE:
        return self._release(model, amount, max_round)
    assert action == _MODE, "pool: action"
    return self._set_mode(model, amount, max_round)


@external
def claim(model: uint256) -> uint256:
    """
    @notice Pays all that is claimable of a model to its payout address. Anyone may call it.
    @param model The model's id.
    @return uint256 The amount in wei.
    """
    receiver: address = extcall IModelRegistry(REGISTRY).use_claim(model)
    units: uint256 = lanes._take(model)
    assert units != 0, "pool: nothing to claim"
    held: books.Holdings = books._load_holdings()
    held.out -= units
    books._store_holdings(held)
    log Claimed(model=model, payout=receiver, amount=units)
    return self._push(receiver, units)


@external
def exit(model: uint256, rounds: DynArray[uint256, _MAX_EXIT_ROUNDS]) -> uint256:
    """
    @notice Pays all that a model has in a pool that is wound down to its payout address: its
            stake, what is claimable, and its undrained deposits. Anyone may call it, again for
            other rounds.
    @param model The model's id.
    @param rounds Rounds whose queues still hold deposits of the model.
    @return uint256 The amount in wei.
    """
    assert books._load_progress().wound_down, "pool: not wound down"
    receiver: address = extcall IModelRegistry(REGISTRY).use_claim(model)
    stake: uint256 = lanes._empty(model)
    claimable: uint256 = lanes._take(model)
    deposits: uint256 = 0
    for k: uint256 in rounds:
        deposits += requests._take_deposit(k, model)
    assert stake + claimable + deposits != 0, "pool: nothing to pay"
    held: books.Holdings = books._load_holdings()
    held.staked -= stake
    held.out -= claimable
    held.queued -= deposits
    books._store_holdings(held)
    log Exited(
        model=model,
        payout=receiver,
        stake=stake,
        claimable=claimable,
        deposits=deposits,
        rounds=rounds,
    )
    return self._push(receiver, stake + claimable + deposits)


@external
def fund(amount: uint256):
    """
    @notice Adds to the vault that gains are paid from. Anyone may; there is no way back.
    @param amount Wei, whole units, not zero.
    """
    units: uint256 = self._units(amount)
    assert units != 0, "pool: zero amount"
    held: books.Holdings = books._load_holdings()
    calendar._check_not_paused(held)
    books._check_capacity(held, calendar._running(), units)
    held.vault += units
    books._store_holdings(held)
    log Funded(sender=msg.sender, amount=units)
    self._pull(msg.sender, amount)


@external
def flush_burn() -> uint256:
    """
    @notice Sends all that is owed to the burn to the burn vault. Anyone may call it.
    @return uint256 The amount in wei.
    """
    progress: books.Progress = books._load_progress()
    units: uint256 = progress.burn_owed
    assert units != 0, "pool: nothing to burn"
    progress.burn_owed = 0
    books._store_progress(progress)
    log BurnFlushed(amount=units)
    return self._push(BURN_VAULT, units)


@external
def drain(k: uint256, n: uint256) -> uint256:
    """
    @notice Applies requests of the head round's queue once the round is closed. Calls no other
            contract and does not depend on what the requests say. Anyone may call it.
    @param k The head round.
    @param n How many requests at most.
    @return uint256 How many were applied.
    """
    progress: books.Progress = calendar._unbegun_head(k)
    round: requests.Round = requests._load_round(k)
    assert k <= progress.last_announced and block.timestamp >= round.close, "pool: open"
    records: uint256 = 0
    deposited: uint256 = 0
    released: uint256 = 0
    for _: uint256 in range(min(n, lanes.MAX_MODELS), bound=lanes.MAX_MODELS):
        if round.first == 0:
            break
        model: uint256 = round.first - 1
        request: requests.Request = requests._remove(k, model)
        released += lanes._change(model, request.mode, request.deposit, request.release)
        deposited += request.deposit
        records += 1
        round.first = request.following
    requests._store_round(k, round)
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
    books._store_progress(self._begun(k, calendar._unbegun_head(k)))


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
def round_state(k: uint256) -> RoundState:
    """
    @param k Any round.
    @return RoundState What the pool knows of it. Coefficients stay after the round has ended.
    """
    round: requests.Round = requests._load_round(k)
    return RoundState(
        close=round.close,
        queue_head=round.first,
        skipped=round.skipped,
        void_at=round.void_at,
        cursor=self._cursor[k],
        coefficients=payout._unpack(self._coefficients[k]),
    )


@internal
def _use_nonce(model: uint256) -> address:
    """
    @dev Uses up the model's nonce, so that what its owner signed for this nonce is void.
    @param model The model's id.
    @return address The model's owner.
    """
    owner: address = empty(address)
    nonce: uint256 = 0
    owner, nonce = extcall IModelRegistry(REGISTRY).use_nonce(model)
    return owner


@internal
def _deposit(payer: address, model: uint256, amount: uint256, max_round: uint256) -> uint256:
    """
    @param payer Who pays from an allowance: the model's owner.
    @param model The model's id.
    @param amount Wei.
    @param max_round The last round that may be joined.
    @return uint256 The round.
    """
    units: uint256 = self._units(amount)
    assert units >= _MIN, "pool: below minimum"
    held: books.Holdings = books._load_holdings()
    calendar._check_not_paused(held)
    progress: books.Progress = calendar._running()
    books._check_capacity(held, progress, units)
    round: uint256 = self._join(progress, max_round)
    requests._add_deposit(round, model, units)
    held.queued += units
    books._store_holdings(held)
    log Deposited(model=model, round=round, owner=payer, amount=units)
    self._pull(payer, amount)
    return round


@internal
def _release(model: uint256, amount: uint256, max_round: uint256) -> uint256:
    """
    @param model The model's id.
    @param amount Wei, 2^256 - 1 for all.
    @param max_round The last round that may be joined.
    @return uint256 The round.
    """
    units: uint256 = requests.RELEASE_ALL
    if amount != max_value(uint256):
        units = self._units(amount)
        assert units >= _MIN, "pool: below minimum"
    round: uint256 = self._join(calendar._running(), max_round)
    requests._add_release(round, model, units)
    log ReleaseRequested(model=model, round=round, amount=min(units, requests.RELEASE_ALL))
    return round


@internal
def _set_mode(model: uint256, mode: uint256, max_round: uint256) -> uint256:
    """
    @param model The model's id.
    @param mode 1 compound, 2 take-profit.
    @param max_round The last round that may be joined.
    @return uint256 The round.
    """
    assert mode == lanes.COMPOUND or mode == lanes.TAKE_PROFIT, "pool: mode"
    round: uint256 = self._join(calendar._running(), max_round)
    requests._set_mode(round, model, mode)
    log ModeRequested(model=model, round=round, mode=mode)
    return round


@internal
@view
def _join(progress: books.Progress, max_round: uint256) -> uint256:
    """
    @param progress Slot B.
    @param max_round The last round that may be joined.
    @return uint256 The round that requests join now.
    """
    round: uint256 = calendar._target(progress)
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
    assert requests._load_round(k).first == 0, "pool: queue"
    terms: IRoundOracle.Settlement = staticcall IRoundOracle(calendar.ORACLE).settlement(k)
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
    progress: books.Progress = calendar._running()
    assert k == progress.head, "pool: not head"
    if not progress.begun:
        progress = self._begun(k, progress)
    assert link == self._cursor[k], "pool: batch"
    assert start >= progress.next_word, "pool: order"
    progress.next_word = start + count
    assert progress.next_word <= progress.words, "pool: words"
    self._cursor[k] = next
    if next == empty(bytes32):
        progress = books._advanced(progress)
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
def _pull(payer: address, amount: uint256):
    """
    @dev Takes tokens by allowance and insists on the exact amount.
    @param payer Whose tokens.
    @param amount Wei.
    """
    token: IERC20 = IERC20(TOKEN)
    before: uint256 = staticcall token.balanceOf(self)
    assert extcall token.transferFrom(payer, self, amount), "pool: transfer failed"
    assert staticcall token.balanceOf(self) == before + amount, "pool: inexact transfer"


@internal
def _push(receiver: address, units: uint256) -> uint256:
    """
    @param receiver Who gets tokens.
    @param units How much, in U.
    @return uint256 The same in wei.
    """
    amount: uint256 = units * _UNIT
    assert extcall IERC20(TOKEN).transfer(receiver, amount), "pool: transfer failed"
    return amount


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


