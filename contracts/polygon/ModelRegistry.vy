# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title ModelRegistry
@custom:contract-name ModelRegistry
@license MIT
@notice The models of one tournament: an id, an owner, a payout address and a nonce each.
        Ids count up from 0 and stay below 2^20; a name's hash belongs to one model for good.
@dev Holds no tokens and has no administrator. Only a model's owner can change its payout
     address, and a change is in force 48 hours later, so that a stolen key cannot redirect a
     payment at once. The pool raises nonces and can do nothing else here.
"""


from ..interfaces import IModelRegistry
implements: IModelRegistry


# @dev Ids are below this: four models a word, 2^18 words.
MAX_MODELS: constant(uint256) = 2**20


# @dev Seconds from a request to change the payout address to its effect.
PAYOUT_DELAY: public(constant(uint256)) = 48 * 3600


_ADDRESS: constant(uint256) = 2**160 - 1
_NONCE_SHIFT: constant(uint256) = 160
_TIME_SHIFT: constant(uint256) = 160


# @dev The tournament's StakePool.
POOL: public(immutable(address))


# @dev The token that the pool pays in; never a payout address.
TOKEN: public(immutable(address))


# @dev Number of models; the id that the next one gets.
count: public(uint256)


# @dev By model: owner 160 | nonce 96, from the lowest bit.
_models: HashMap[uint256, uint256]


# @dev By model: payout address 160 | block time 40 from which `_next_payouts` replaces it, 0 for
# never. One word tells most claims all they need.
_payouts: HashMap[uint256, uint256]


# @dev By model: the address last requested.
_next_payouts: HashMap[uint256, address]


# @dev By name hash: id + 1.
_ids: HashMap[bytes32, uint256]


event Registered:
    model: indexed(uint256)
    owner: indexed(address)
    name_hash: indexed(bytes32)
    payout: address


event PayoutChangeRequested:
    model: indexed(uint256)
    payout: indexed(address)
    effective_at: uint256


@deploy
def __init__(pool: address, token: address):
    """
    @param pool The tournament's StakePool, deployed before or after this contract.
    @param token The token that the pool holds.
    """
    assert pool != empty(address) and token != empty(address), "registry: zero address"
    POOL = pool
    TOKEN = token


@external
def register(name_hash: bytes32, payout: address) -> uint256:
    """
    @notice Registers a model owned by the caller.
    @param name_hash Keccak-256 of the model's name; not zero, not taken.
    @param payout The address that claims are paid to; not zero, the pool or the token.
    @return uint256 The new model's id.
    """
    assert name_hash != empty(bytes32), "registry: zero name"
    assert self._ids[name_hash] == 0, "registry: name taken"
    self._check_payout(payout)
    model: uint256 = self.count
    assert model < MAX_MODELS, "registry: full"
    self.count = model + 1
    self._ids[name_hash] = model + 1
    self._models[model] = convert(msg.sender, uint256)
    self._payouts[model] = convert(payout, uint256)
    log Registered(model=model, owner=msg.sender, name_hash=name_hash, payout=payout)
    return model


@external
def set_payout(model: uint256, payout: address):
    """
    @notice Requests another payout address, in force after `PAYOUT_DELAY`. Replaces a request
            that is not in force yet. Only the model's owner.
    @param model The model's id.
    @param payout The new address; not zero, the pool or the token.
    """
    assert msg.sender == self._owner(self._known(model)), "registry: not owner"
    self._check_payout(payout)
    current: uint256 = convert(self._payout(model), uint256)
    effective_at: uint256 = block.timestamp + PAYOUT_DELAY
    self._payouts[model] = current | (effective_at << _TIME_SHIFT)
    self._next_payouts[model] = payout
    log PayoutChangeRequested(model=model, payout=payout, effective_at=effective_at)


@external
def use_nonce(model: uint256) -> address:
    """
    @notice Raises the model's nonce, for an action of its owner. Only the pool.
    @param model The model's id.
    @return address The owner, which the pool compares with the caller.
    """
    return self._owner(self._raise_nonce(model))


@external
def use_nonce_for_claim(model: uint256) -> address:
    """
    @notice Raises the model's nonce, for a payment to its payout address. Only the pool.
    @param model The model's id.
    @return address The payout address in force.
    """
    self._raise_nonce(model)
    return self._payout(model)


@external
@view
def owner_of(model: uint256) -> address:
    """
    @param model The model's id.
    @return address The model's owner.
    """
    return self._owner(self._known(model))


@external
@view
def nonce_of(model: uint256) -> uint256:
    """
    @param model The model's id.
    @return uint256 How often the pool has acted on the model's requests and claims.
    """
    return self._known(model) >> _NONCE_SHIFT


@external
@view
def payout_of(model: uint256) -> address:
    """
    @param model The model's id.
    @return address The payout address in force now.
    """
    self._known(model)
    return self._payout(model)


@external
@view
def payout_change_of(model: uint256) -> (address, uint256):
    """
    @notice The last requested change of payout address, in force or not.
    @param model The model's id.
    @return address The requested address, zero if none ever was.
    @return uint256 The block time in seconds from which it is in force.
    """
    self._known(model)
    return self._next_payouts[model], self._payouts[model] >> _TIME_SHIFT


@external
@view
def id_of(name_hash: bytes32) -> uint256:
    """
    @param name_hash Keccak-256 of the model's name.
    @return uint256 The id of the model with that name.
    """
    following: uint256 = self._ids[name_hash]
    assert following != 0, "registry: unknown name"
    return following - 1


@internal
def _raise_nonce(model: uint256) -> uint256:
    """
    @dev Checks that the pool calls, and stores a nonce one higher.
    @param model The model's id.
    @return uint256 The model's word.
    """
    assert msg.sender == POOL, "registry: not pool"
    word: uint256 = self._known(model) + (1 << _NONCE_SHIFT)
    self._models[model] = word
    return word


@internal
@view
def _known(model: uint256) -> uint256:
    """
    @dev The model's word; an owner is never zero, so a zero word is no model.
    @param model The model's id.
    @return uint256 The word of a registered model.
    """
    word: uint256 = self._models[model]
    assert word != 0, "registry: unknown model"
    return word


@internal
@view
def _payout(model: uint256) -> address:
    """
    @param model The id of a registered model.
    @return address The payout address in force now.
    """
    word: uint256 = self._payouts[model]
    effective_at: uint256 = word >> _TIME_SHIFT
    if effective_at != 0 and block.timestamp >= effective_at:
        return self._next_payouts[model]
    return convert(word & _ADDRESS, address)


@internal
@view
def _check_payout(payout: address):
    """
    @dev Refuses addresses from which a payment could not be spent again.
    @param payout The address asked for.
    """
    assert payout not in [empty(address), POOL, TOKEN], "registry: bad payout"


@internal
@pure
def _owner(word: uint256) -> address:
    """
    @param word A model's word.
    @return address Its owner.
    """
    return convert(word & _ADDRESS, address)
