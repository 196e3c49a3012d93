# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title PerModelPayouts
@custom:contract-name PerModelPayouts
@license MIT
@notice A peer to compare with, FOR BENCHMARKS ONLY: stakes and round results in mappings, one slot
        each a model, as the tournament contracts of 2017 kept them. One trusted key writes the
        change of every stake; stakes come and go at once or after a lock, without rounds, queues,
        take-profit or a limit to what the key may do.
@dev Better than those contracts in one respect: a call settles a batch of models, not one.
"""


from ethereum.ercs import IERC20


_MAX_BATCH: constant(uint256) = 256


# @dev Seconds between a request and its withdrawal.
_LOCK: constant(uint256) = 28 * 86_400
_TIME_SHIFT: constant(uint256) = 128
_M128: constant(uint256) = 2**128 - 1


# @dev The token that is staked, and the account that settles.
TOKEN: immutable(address)
SETTLER: immutable(address)


# @dev By model: its owner, its stake in wei, and its request: wei 128 | time of the request.
owners: public(HashMap[uint256, address])
stakes: public(HashMap[uint256, uint256])
_requests: HashMap[uint256, uint256]


# @dev By round and model: the change that was applied, in wei.
results: public(HashMap[uint256, HashMap[uint256, int256]])


event Deposited:
    model: indexed(uint256)
    amount: uint256


event ReleaseRequested:
    model: indexed(uint256)
    amount: uint256


event Withdrawn:
    model: indexed(uint256)
    amount: uint256


event Settled:
    round: indexed(uint256)
    models: uint256


@deploy
def __init__(token: address):
    """
    @param token The token that is staked. The deployer settles.
    """
    TOKEN = token
    SETTLER = msg.sender


@external
def register(model: uint256):
    """
    @param model An id that is not taken.
    """
    assert self.owners[model] == empty(address), "peer: taken"
    self.owners[model] = msg.sender


@external
def deposit(model: uint256, amount: uint256):
    """
    @notice Adds to a model's stake at once. Only its owner.
    @param model The model's id.
    @param amount Wei.
    """
    assert msg.sender == self.owners[model], "peer: not owner"
    self.stakes[model] += amount
    log Deposited(model=model, amount=amount)
    assert extcall IERC20(TOKEN).transferFrom(msg.sender, self, amount), "peer: transfer failed"


@external
def request_release(model: uint256, amount: uint256):
    """
    @notice Starts the lock of a withdrawal. Only the model's owner.
    @param model The model's id.
    @param amount Wei.
    """
    assert msg.sender == self.owners[model], "peer: not owner"
    assert amount <= self.stakes[model], "peer: stake"
    self._requests[model] = amount | (block.timestamp << _TIME_SHIFT)
    log ReleaseRequested(model=model, amount=amount)


@external
def withdraw(model: uint256):
    """
    @notice Pays what was requested, or what is left of it, to the model's owner.
    @param model The model's id.
    """
    request: uint256 = self._requests[model]
    assert request != 0, "peer: no request"
    assert block.timestamp >= (request >> _TIME_SHIFT) + _LOCK, "peer: locked"
    stake: uint256 = self.stakes[model]
    amount: uint256 = min(request & _M128, stake)
    self._requests[model] = 0
    self.stakes[model] = stake - amount
    log Withdrawn(model=model, amount=amount)
    assert extcall IERC20(TOKEN).transfer(self.owners[model], amount), "peer: transfer failed"


@external
def settle(
    round: uint256, models: DynArray[uint256, _MAX_BATCH], changes: DynArray[int256, _MAX_BATCH]
):
    """
    @notice Changes the stakes of some models by a round's result. Only the settler.
    @param round The round.
    @param models Ids, each once a round.
    @param changes Wei that each stake gains or, where negative, loses.
    """
    assert msg.sender == SETTLER, "peer: not settler"
    assert len(models) == len(changes), "peer: lengths"
    for i: uint256 in range(len(models), bound=_MAX_BATCH):
        model: uint256 = models[i]
        assert self.results[round][model] == 0, "peer: settled"
        self.results[round][model] = changes[i]
        self.stakes[model] = convert(convert(self.stakes[model], int256) + changes[i], uint256)
    log Settled(round=round, models=len(models))
