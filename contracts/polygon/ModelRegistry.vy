# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title ModelRegistry
@custom:contract-name ModelRegistry
@license MIT
@notice The models of one tournament: an id, an owner, a payout address and a nonce each.
        Ids count up from 0 and stay below 2^20; a name's hash belongs to one model for good.
        A name is reserved blindly before it is registered, so that nobody can take one seen in
        a waiting transaction, and costs a fee, which is burned.
@dev Holds no tokens, has no administrator and cannot be stopped. Only a model's owner can change
     its payout address or offer it to somebody else, and either is in force 48 hours later, so
     that a stolen key cannot redirect a payment at once. The pool counts owners' actions and
     claims here and can do nothing else.
"""


from ethereum.ercs import IERC20


from ..interfaces import IModelRegistry
implements: IModelRegistry


# @dev Ids are below this: four models a word, 2^18 words.
MAX_MODELS: constant(uint256) = 2**20


# @dev Seconds from a request to change the payout address, or from an offer, to its effect.
PAYOUT_DELAY: public(constant(uint256)) = 48 * 3600


# @dev Seconds for which a reservation is good.
RESERVATION_LIFE: public(constant(uint256)) = 24 * 3600


# @dev Seconds for which an offer can be accepted, so that a forgotten one ends.
OFFER_LIFE: public(constant(uint256)) = 14 * 24 * 3600


# @dev Models on a page.
PAGE: constant(uint256) = 1024


_MAX_RESERVE_DELAY: constant(uint256) = 3600


# @dev Wei in a unit: fees, like stakes, are whole units.
_UNIT: constant(uint256) = 10**9


_ADDRESS: constant(uint256) = 2**160 - 1
_TIME: constant(uint256) = 2**40 - 1
_NONCE_SHIFT: constant(uint256) = 160
_TIME_SHIFT: constant(uint256) = 160
_CLAIMS_SHIFT: constant(uint256) = 200


# @dev The tournament's StakePool.
POOL: public(immutable(address))


# @dev The token that the pool pays in.
TOKEN: public(immutable(address))


# @dev Where fees go: what arrives there is destroyed.
BURN_VAULT: public(immutable(address))


# @dev Price of a registration in wei.
FEE: public(immutable(uint256))


# @dev Seconds from a reservation to its use, at least.
RESERVE_DELAY: public(immutable(uint256))


# @dev Number of models; the id that the next one gets.
count: public(uint256)


# @dev By model: owner 160 | nonce 96, from the lowest bit.
_models: HashMap[uint256, uint256]


# @dev By model: payout address 160 | block time 40 from which `_next_payouts` replaces it, 0 for
# never | claims 56, from the lowest bit. Most claims touch this word alone.
_payouts: HashMap[uint256, uint256]


# @dev By model: the address last requested.
_next_payouts: HashMap[uint256, address]


# @dev By name hash: id + 1.
_ids: HashMap[bytes32, uint256]


# @dev By model: the account it is offered to 160 | block time 40 from which that one may accept,
# from the lowest bit; 0 for no offer.
_offers: HashMap[uint256, uint256]


# @dev By commitment: block time of its reservation in seconds, 0 for none.
reserved_at: public(HashMap[bytes32, uint256])


event Reserved:
    commitment: indexed(bytes32)


event Registered:
    model: indexed(uint256)
    owner: indexed(address)
    name_hash: indexed(bytes32)
    payout: address


event PayoutChangeRequested:
    model: indexed(uint256)
    payout: indexed(address)
    effective_at: uint256


event Offered:
    model: indexed(uint256)
    to: indexed(address)
    acceptable_at: uint256


event Transferred:
    model: indexed(uint256)
    from_owner: indexed(address)
    to: indexed(address)


@deploy
def __init__(
    pool: address, token: address, burn_vault: address, fee: uint256, reserve_delay: uint256
):
    """
    @param pool The tournament's StakePool, deployed before or after this contract.
    @param token The token that the pool holds.
    @param burn_vault Where fees go.
    @param fee Price of a registration in wei; not zero, whole units of 10^9 wei.
    @param reserve_delay Seconds that a reservation must be old to be used; not zero, at most an
           hour. Production: 60.
    """
    assert empty(address) not in [pool, token, burn_vault], "registry: zero address"
    assert fee != 0 and fee % _UNIT == 0, "registry: bad fee"
    POOL = pool
    TOKEN = token
    assert reserve_delay != 0 and reserve_delay <= _MAX_RESERVE_DELAY, "registry: bad delay"
    BURN_VAULT = burn_vault
    FEE = fee
    RESERVE_DELAY = reserve_delay


@external
def reserve(commitment: bytes32):
    """
    @notice Remembers a commitment to a name, its owner and a salt, for `RESERVATION_LIFE`.
            It does not matter who calls: only the owner inside it can use it.
    @param commitment See `commitment_of`; not reserved already.
    """
    reserved: uint256 = self.reserved_at[commitment]
    # Overwriting would let anybody make a reservation young again, just before it is used.
    assert reserved == 0 or self._expired(reserved), "registry: reserved"
    self.reserved_at[commitment] = block.timestamp
    log Reserved(commitment=commitment)


@external
def register(name_hash: bytes32, payout: address, salt: bytes32) -> uint256:
    """
    @notice Registers a model owned by the caller, whose reservation is `RESERVE_DELAY` old and
            whose allowance pays the fee.
    @param name_hash Keccak-256 of the model's name; not zero, not taken.
    @param payout The address that claims are paid to; not zero, the pool, the token, the burn
           vault or this contract, from which nothing could be spent again.
    @param salt The salt of the reserved commitment.
    @return uint256 The new model's id.
    """
    assert name_hash != empty(bytes32), "registry: zero name"
    assert self._ids[name_hash] == 0, "registry: name taken"
    assert self._is_spendable(payout), "registry: bad payout"
    model: uint256 = self.count
    assert model < MAX_MODELS, "registry: full"
    self._use_reservation(self._commitment(name_hash, msg.sender, salt))
    self.count = model + 1
    self._ids[name_hash] = model + 1
    self._models[model] = convert(msg.sender, uint256)
    self._payouts[model] = convert(payout, uint256)
    log Registered(model=model, owner=msg.sender, name_hash=name_hash, payout=payout)
    paid: bool = extcall IERC20(TOKEN).transferFrom(msg.sender, BURN_VAULT, FEE)
    assert paid, "registry: fee not paid"
    return model


@external
def set_payout(model: uint256, payout: address):
    """
    @notice Requests another payout address, in force after `PAYOUT_DELAY`. Replaces a request
            that is not in force yet. Only the model's owner.
    @param model The model's id.
    @param payout The new address, as in `register`.
    """
    assert msg.sender == self._owner(self._known(model)), "registry: not owner"
    assert self._is_spendable(payout), "registry: bad payout"
    word: uint256 = self._payouts[model]
    effective_at: uint256 = block.timestamp + PAYOUT_DELAY
    self._store_payout(model, self._payout(model, word), effective_at, word >> _CLAIMS_SHIFT)
    self._next_payouts[model] = payout
    log PayoutChangeRequested(model=model, payout=payout, effective_at=effective_at)


@external
def offer(model: uint256, to: address):
    """
    @notice Offers the model, with its stake and all it can claim, to an account that may `accept`
            it after `PAYOUT_DELAY`, for `OFFER_LIFE`. Replaces an earlier offer. Raises the nonce: a request signed
            with the one before counts no more. Only the model's owner.
    @param model The model's id.
    @param to The next owner, as a payout address in `register` and not the present one; zero
           withdraws the offer.
    """
    word: uint256 = self._raise_nonce(model)
    owner: address = self._owner(word)
    assert msg.sender == owner, "registry: not owner"
    acceptable_at: uint256 = 0
    if to != empty(address):
        assert self._is_spendable(to) and to != owner, "registry: bad offer"
        acceptable_at = block.timestamp + PAYOUT_DELAY
    self._offers[model] = convert(to, uint256) | (acceptable_at << _TIME_SHIFT)
    log Offered(model=model, to=to, acceptable_at=acceptable_at)


@external
def accept(model: uint256, version: uint256):
    """
    @notice Makes the caller, to whom the model is offered, its owner and its payout address at
            once. A change of payout address that waits is dropped.
    @param model The model's id.
    @param version The `version_of` the model that the caller looked at: what it holds may have
           moved since through a request or a claim.
    """
    word: uint256 = self._known(model)
    offered: uint256 = self._offers[model]
    to: address = convert(offered & _ADDRESS, address)
    assert to != empty(address) and msg.sender == to, "registry: not offered"
    acceptable_at: uint256 = offered >> _TIME_SHIFT
    assert block.timestamp >= acceptable_at, "registry: offer too young"
    assert block.timestamp <= acceptable_at + OFFER_LIFE, "registry: offer expired"
    assert version == self._version(model, word), "registry: stale version"
    self._offers[model] = 0
    self._models[model] = convert(to, uint256) | (word >> _NONCE_SHIFT << _NONCE_SHIFT)
    self._store_payout(model, to, 0, self._payouts[model] >> _CLAIMS_SHIFT)
    self._next_payouts[model] = empty(address)
    log Transferred(model=model, from_owner=self._owner(word), to=to)


@external
def use_nonce(model: uint256) -> (address, uint256):
    """
    @notice Uses up the model's nonce, for an action of its owner. Only the pool.
    @param model The model's id.
    @return address The owner, whom the pool compares with the caller or the signer.
    @return uint256 The nonce used up; the model's is one higher now.
    """
    assert msg.sender == POOL, "registry: not pool"
    word: uint256 = self._raise_nonce(model)
    return self._owner(word), word >> _NONCE_SHIFT


@external
def use_claim(model: uint256) -> address:
    """
    @notice Counts a payment to the model's payout address. Only the pool.
    @param model The model's id.
    @return address The payout address in force.
    """
    assert msg.sender == POOL, "registry: not pool"
    word: uint256 = self._payouts[model]
    # A payout address is never zero, so a zero word is no model.
    assert word != 0, "registry: unknown model"
    self._payouts[model] = word + (1 << _CLAIMS_SHIFT)
    return self._payout(model, word)


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
def owners(start: uint256, n: uint256) -> DynArray[address, PAGE]:
    """
    @param start The first model's id.
    @param n How many models, up to 1,024.
    @return DynArray The owners, as many as there are models.
    """
    page: DynArray[address, PAGE] = []
    for i: uint256 in range(min(n, PAGE), bound=PAGE):
        if start + i >= self.count:
            break
        page.append(self._owner(self._models[start + i]))
    return page


@external
@view
def nonce_of(model: uint256) -> uint256:
    """
    @param model The model's id.
    @return uint256 How often its owners made requests of the pool, or offers.
    """
    return self._known(model) >> _NONCE_SHIFT


@external
@view
def version_of(model: uint256) -> uint256:
    """
    @param model The model's id.
    @return uint256 A number that rises with every request, offer and claim.
    """
    return self._version(model, self._known(model))


@external
@view
def payout_of(model: uint256) -> address:
    """
    @param model The model's id.
    @return address The payout address in force now.
    """
    self._known(model)
    return self._payout(model, self._payouts[model])


@external
@view
def payout_change_of(model: uint256) -> (address, uint256):
    """
    @notice The last requested change of payout address, in force or not.
    @param model The model's id.
    @return address The requested address, zero if the present owner never asked for one.
    @return uint256 The block time in seconds from which it is in force.
    """
    self._known(model)
    return self._next_payouts[model], (self._payouts[model] >> _TIME_SHIFT) & _TIME


@external
@view
def offer_of(model: uint256) -> (address, uint256):
    """
    @param model The model's id.
    @return address The account that the model is offered to, zero if to none.
    @return uint256 The block time in seconds from which it may accept.
    """
    self._known(model)
    offered: uint256 = self._offers[model]
    return convert(offered & _ADDRESS, address), offered >> _TIME_SHIFT


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


@external
@pure
def commitment_of(name_hash: bytes32, owner: address, salt: bytes32) -> bytes32:
    """
    @param name_hash Keccak-256 of the model's name.
    @param owner The account that will register it.
    @param salt Any secret; without it a name could be guessed from its commitment.
    @return bytes32 What to `reserve`: keccak256(abi_encode(name_hash, owner, salt)).
    """
    return self._commitment(name_hash, owner, salt)


@internal
def _use_reservation(commitment: bytes32):
    """
    @dev Deletes a reservation that is old enough and has not expired. Whoever sees a name in a
         waiting `register` cannot reserve and register it before that one is through.
    @param commitment The commitment reserved.
    """
    reserved: uint256 = self.reserved_at[commitment]
    assert reserved != 0, "registry: not reserved"
    assert block.timestamp >= reserved + RESERVE_DELAY, "registry: reserved just now"
    assert not self._expired(reserved), "registry: reservation expired"
    self.reserved_at[commitment] = 0


@internal
def _raise_nonce(model: uint256) -> uint256:
    """
    @param model The model's id.
    @return uint256 The model's word before.
    """
    word: uint256 = self._known(model)
    self._models[model] = word + (1 << _NONCE_SHIFT)
    return word


@internal
def _store_payout(model: uint256, payout: address, effective_at: uint256, claims: uint256):
    """
    @param model The model's id.
    @param payout The address in force now.
    @param effective_at The block time from which `_next_payouts` replaces it, 0 for never.
    @param claims How many claims have been paid.
    """
    self._payouts[model] = (
        convert(payout, uint256) | (effective_at << _TIME_SHIFT) | (claims << _CLAIMS_SHIFT)
    )


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
def _version(model: uint256, word: uint256) -> uint256:
    """
    @param model The id of a registered model.
    @param word Its word.
    @return uint256 Its nonce and its claims, added.
    """
    return (word >> _NONCE_SHIFT) + (self._payouts[model] >> _CLAIMS_SHIFT)


@internal
@view
def _payout(model: uint256, word: uint256) -> address:
    """
    @param model The id of a registered model.
    @param word Its word in `_payouts`.
    @return address The payout address in force now.
    """
    effective_at: uint256 = (word >> _TIME_SHIFT) & _TIME
    if effective_at != 0 and block.timestamp >= effective_at:
        return self._next_payouts[model]
    return convert(word & _ADDRESS, address)


@internal
@view
def _expired(reserved: uint256) -> bool:
    """
    @param reserved The block time of a reservation.
    @return bool Whether it is older than `RESERVATION_LIFE`.
    """
    return block.timestamp > reserved + RESERVATION_LIFE


@internal
@view
def _is_spendable(payout: address) -> bool:
    """
    @param payout An address that payments may go to.
    @return bool Whether they could be spent again, as far as this contract can tell.
    """
    return payout not in [empty(address), POOL, TOKEN, BURN_VAULT, self]


@internal
@pure
def _commitment(name_hash: bytes32, owner: address, salt: bytes32) -> bytes32:
    """
    @dev See `commitment_of`.
    @param name_hash Keccak-256 of the model's name.
    @param owner The account that will register it.
    @param salt Any secret.
    @return bytes32 The commitment.
    """
    return keccak256(abi_encode(name_hash, owner, salt))


@internal
@pure
def _owner(word: uint256) -> address:
    """
    @param word A model's word.
    @return address Its owner.
    """
    return convert(word & _ADDRESS, address)
