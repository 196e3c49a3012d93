# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title StakeRelay
@custom:contract-name StakeRelay
@license MIT
@notice Passes requests on to the StakePool that a model's owner signed and somebody else sends. A
        StakeIntent is one request that anyone may send, once. A StakeMandate lets one relayer
        deposit from the owner's allowance and request releases, for named models, up to amounts in
        all, until it expires or is revoked.
@dev Holds no tokens and has no administrator. The pool takes this contract's word that an owner
     wants a request; it still moves tokens only from the owner's allowance into the owner's model,
     and from there to the model's payout address. Structs: docs/formats.md, section 7.
"""


from ..interfaces import IModelRegistry
from ..interfaces import IStakePool


from ..modules import eip712
from ..modules import signatures
initializes: eip712


# @dev Actions; the amount of the last one is the mode.
_DEPOSIT: constant(uint256) = 1
_RELEASE: constant(uint256) = 2
_MODE: constant(uint256) = 3


_MAX_MODELS: constant(uint256) = 64


# @dev An owner's request. `amount` in wei, `deadline` in seconds, `nonce` the model's.
struct StakeIntent:
    model: uint256
    action: uint256
    amount: uint256
    max_round: uint256
    nonce: uint256
    deadline: uint256


# @dev What an owner lets a relayer do. Amounts are wei in all over its life, `expiry` in seconds,
# `salt` tells apart mandates that are otherwise the same.
struct StakeMandate:
    owner: address
    relayer: address
    models: DynArray[uint256, _MAX_MODELS]
    max_deposit: uint256
    max_release: uint256
    expiry: uint256
    salt: uint256


# @dev How much of a mandate is used up, in wei.
struct Use:
    deposited: uint256
    released: uint256
    revoked: bool


_INTENT_TYPE: constant(bytes32) = keccak256(
    "StakeIntent(address pool,uint256 model,uint256 action,uint256 amount,uint256 max_round,uint256 nonce,uint256 deadline)"
)
_MANDATE_TYPE: constant(bytes32) = keccak256(
    "StakeMandate(address pool,address owner,address relayer,uint256[] models,uint256 max_deposit,uint256 max_release,uint256 expiry,uint256 salt)"
)


_M127: constant(uint256) = 2**127 - 1
_REVOKED: constant(uint256) = 2**255


# @dev The tournament's StakePool and ModelRegistry.
POOL: public(immutable(address))
REGISTRY: public(immutable(address))


# @dev By owner and mandate's struct hash: deposited 127 | released 127 | unused 1 | revoked 1.
_uses: HashMap[address, HashMap[bytes32, uint256]]


event IntentUsed:
    model: indexed(uint256)
    owner: indexed(address)
    nonce: uint256


event MandateUsed:
    owner: indexed(address)
    mandate: indexed(bytes32)
    relayer: indexed(address)
    model: uint256
    deposited: uint256
    released: uint256


event MandateRevoked:
    owner: indexed(address)
    mandate: indexed(bytes32)


@deploy
def __init__(pool: address, registry: address):
    """
    @param pool The tournament's StakePool, deployed before or after this contract.
    @param registry The tournament's ModelRegistry, deployed before or after this contract.
    """
    assert empty(address) not in [pool, registry], "relay: zero address"
    POOL = pool
    REGISTRY = registry
    eip712.__init__()


@external
def relay(intent: StakeIntent, signature: Bytes[65]) -> uint256:
    """
    @notice Does what a model's owner signed: a deposit from the owner's allowance, a release or a
            mode change. Anyone may send it, once.
    @param intent The request; the pool is part of what is signed.
    @param signature The owner's EIP-712 signature over it, 65 bytes r | s | v.
    @return uint256 The round that the request joined.
    """
    assert block.timestamp <= intent.deadline, "intent: expired"
    assert intent.action >= _DEPOSIT and intent.action <= _MODE, "intent: action"
    # The pool uses up the nonce; until then nothing else is called.
    nonce: uint256 = staticcall IModelRegistry(REGISTRY).nonce_of(intent.model)
    assert intent.nonce == nonce, "intent: nonce"
    owner: address = staticcall IModelRegistry(REGISTRY).owner_of(intent.model)
    digest: bytes32 = self._intent_digest(intent)
    assert signatures._recover(digest, signature) == owner, "intent: not signed by the owner"
    log IntentUsed(model=intent.model, owner=owner, nonce=nonce)
    return extcall IStakePool(POOL).act(
        intent.model, intent.action, intent.amount, intent.max_round
    )


@external
def act_by_mandate(
    mandate: StakeMandate,
    signature: Bytes[65],
    model: uint256,
    action: uint256,
    amount: uint256,
    max_round: uint256,
) -> uint256:
    """
    @notice Deposits from the allowance of a model's owner, or requests a release. Only a relayer
            with the owner's mandate.
    @param mandate The mandate; the pool is part of what is signed.
    @param signature The owner's EIP-712 signature over it, 65 bytes r | s | v.
    @param model The model's id.
    @param action 1 deposit, 2 release.
    @param amount Wei, whole units, at least 0.1 NMR; 2^256 - 1 releases all, if the mandate sets
           no bound to releases.
    @param max_round The last round that the caller agrees to join.
    @return uint256 The round that the request joined.
    """
    assert msg.sender == mandate.relayer, "mandate: not the relayer"
    assert block.timestamp <= mandate.expiry, "mandate: expired"
    assert model in mandate.models, "mandate: model not named"
    # Whoever owns the model now, not when the mandate was given.
    owner: address = staticcall IModelRegistry(REGISTRY).owner_of(model)
    assert mandate.owner == owner, "mandate: not the owner's"
    hashed: bytes32 = self._mandate_hash(mandate)
    signer: address = signatures._recover(eip712._digest(hashed), signature)
    assert signer == owner, "mandate: not signed by the owner"
    used: Use = self._unpack(self._uses[owner][hashed])
    assert not used.revoked, "mandate: revoked"
    if action == _DEPOSIT:
        used.deposited = self._spent(used.deposited, amount, mandate.max_deposit)
    else:
        assert action == _RELEASE, "mandate: action"
        if mandate.max_release != max_value(uint256):
            used.released = self._spent(used.released, amount, mandate.max_release)
    self._uses[owner][hashed] = used.deposited | (used.released << 127)
    log MandateUsed(
        owner=owner,
        mandate=hashed,
        relayer=msg.sender,
        model=model,
        deposited=used.deposited,
        released=used.released,
    )
    return extcall IStakePool(POOL).act(model, action, amount, max_round)


@external
def revoke_mandate(mandate: bytes32):
    """
    @notice Ends one of the caller's mandates at once, used before or not.
    @param mandate The mandate's struct hash.
    """
    self._uses[msg.sender][mandate] |= _REVOKED
    log MandateRevoked(owner=msg.sender, mandate=mandate)


@external
@view
def mandate_use(owner: address, mandate: bytes32) -> Use:
    """
    @param owner Who gave the mandate.
    @param mandate Its struct hash.
    @return Use What was used of it, in wei, and whether it was revoked.
    """
    return self._unpack(self._uses[owner][mandate])


@external
@view
def mandate_hash(mandate: StakeMandate) -> bytes32:
    """
    @param mandate Any mandate.
    @return bytes32 Its struct hash.
    """
    return self._mandate_hash(mandate)


@external
@view
def intent_digest(intent: StakeIntent) -> bytes32:
    """
    @param intent Any request.
    @return bytes32 The EIP-712 digest that the owner signs.
    """
    return self._intent_digest(intent)


@internal
@pure
def _spent(used: uint256, amount: uint256, bound: uint256) -> uint256:
    """
    @param used Wei used so far, below 2^127.
    @param amount Wei to use now.
    @param bound Wei in all.
    @return uint256 Wei used with it, below 2^127.
    """
    assert amount <= _M127 and used + amount <= min(bound, _M127), "mandate: used up"
    return used + amount


@internal
@view
def _intent_digest(intent: StakeIntent) -> bytes32:
    """
    @param intent Any request.
    @return bytes32 Its EIP-712 digest.
    """
    return eip712._digest(keccak256(abi_encode(_INTENT_TYPE, POOL, intent)))


@internal
@view
def _mandate_hash(mandate: StakeMandate) -> bytes32:
    """
    @param mandate Any mandate.
    @return bytes32 EIP-712's hashStruct of it.
    """
    # An array is hashed without the offset and the length that its ABI encoding begins with.
    encoded: Bytes[64 + 32 * _MAX_MODELS] = abi_encode(mandate.models)
    models: Bytes[64 + 32 * _MAX_MODELS] = slice(encoded, 64, 32 * len(mandate.models))
    return keccak256(
        abi_encode(
            _MANDATE_TYPE,
            POOL,
            mandate.owner,
            mandate.relayer,
            keccak256(models),
            mandate.max_deposit,
            mandate.max_release,
            mandate.expiry,
            mandate.salt,
        )
    )


@internal
@pure
def _unpack(word: uint256) -> Use:
    """
    @param word A word of `_uses`.
    @return Use Its fields.
    """
    return Use(
        deposited=word & _M127, released=(word >> 127) & _M127, revoked=word & _REVOKED != 0
    )
