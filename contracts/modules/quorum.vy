# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title m-of-n quorum of ECDSA signers, whose members change from epoch to epoch
@license MIT
@notice A digest is agreed when enough different signers of its epoch signed it: `threshold` for
        the common case, more than half and fewer than all; `super_quorum`, more than that and
        fewer than all, for the rare one, or 0 where there is no such number.
@dev Holds storage. A change of members begins a new epoch and leaves earlier ones as they are,
     but for two things that count at once in all of them: a revocation, for good, and a
     suspension. Suspensions come in spells of 14 days that end for all at once, and after one
     there are none for 14 days. So whoever may suspend cannot keep a quorum from signing for good.
     Signatures are as in signatures.vy and come in the strictly ascending order of their
     signers' addresses: no signer counts twice.
"""


from . import signatures


# @dev Signers in one epoch, and ever: an index is a bit of a word and is not used again.
MAX_SIGNERS: constant(uint256) = 16
MAX_EVER: constant(uint256) = 256


# @dev Epoch of the signers named at construction, and the end of a range that is still open,
# which is the last epoch there can be.
FIRST_EPOCH: constant(uint256) = 1
_OPEN_END: constant(uint256) = 2**12 - 1


# @dev Seconds that a spell of suspensions lasts, and seconds without one after it.
_SUSPENSION: constant(uint256) = 14 * 86_400
_REST: constant(uint256) = 14 * 86_400


_LAST_SHIFT: constant(uint256) = 12
_INDEX_SHIFT: constant(uint256) = 24
_REVOKED_SHIFT: constant(uint256) = 32
_SUSPENDED_SHIFT: constant(uint256) = 33
_M8: constant(uint256) = 2**8 - 1
_M12: constant(uint256) = 2**12 - 1


# @dev A signer: the first and the last epoch it may sign for, its index in `_signers`, and the
# block time in seconds until which it is suspended, 0 if it never was. No signer is all zeros.
struct Member:
    first_epoch: uint256
    last_epoch: uint256
    index: uint256
    revoked: bool
    suspended_until: uint256


# @dev All signers ever registered, in order.
_signers: DynArray[address, MAX_EVER]


# @dev By signer: first epoch 12 | last epoch 12 | index 8 | revoked 1 | suspended until 40, from
# the lowest bit; 183 unused.
_members: HashMap[address, uint256]


# @dev How many signers of the current epoch are not revoked.
_size: uint256


# @dev When the last spell of suspensions began, a block time in seconds.
_spell: uint256


event SignerAdded:
    signer: indexed(address)
    index: uint256
    first_epoch: uint256


event SignerRetired:
    signer: indexed(address)
    last_epoch: uint256


event SignerRevoked:
    signer: indexed(address)


event SignerSuspended:
    signer: indexed(address)
    until: uint256


event Rotated:
    epoch: indexed(uint256)
    threshold: uint256
    super_quorum: uint256


@deploy
def __init__(
    signers: DynArray[address, MAX_SIGNERS], threshold: uint256, super_quorum: uint256
):
    """
    @param signers The signers, each once, for all rounds from the first epoch on.
    @param threshold How many must agree in the common case.
    @param super_quorum How many must agree in the rare case; 0: it cannot be agreed.
    """
    self._rotate(FIRST_EPOCH, signers, [], threshold, super_quorum)


@internal
def _rotate(
    epoch: uint256,
    added: DynArray[address, MAX_SIGNERS],
    retired: DynArray[address, MAX_SIGNERS],
    threshold: uint256,
    super_quorum: uint256,
):
    """
    @dev Begins an epoch.
    @param epoch The epoch, one above the current one.
    @param added Who may sign from this epoch on: addresses that never could.
    @param retired Who may not from this epoch on.
    @param threshold How many must agree in the common case.
    @param super_quorum How many must agree in the rare case; 0: it cannot be agreed.
    """
    assert epoch <= _OPEN_END, "quorum: no epoch left"
    left: uint256 = 0
    for signer: address in retired:
        member: Member = self._load(signer)
        # One that was revoked meanwhile is gone already: what was proposed must not fail for it.
        if member.revoked:
            continue
        left += 1
        assert member.last_epoch == _OPEN_END, "quorum: not in force"
        member.last_epoch = epoch - 1
        self._store(signer, member)
        log SignerRetired(signer=signer, last_epoch=epoch - 1)
    for signer: address in added:
        assert signer != empty(address), "quorum: zero signer"
        assert self._members[signer] == 0, "quorum: signer twice"
        index: uint256 = len(self._signers)
        assert index < MAX_EVER, "quorum: no index left"
        self._signers.append(signer)
        self._store(
            signer,
            Member(
                first_epoch=epoch,
                last_epoch=_OPEN_END,
                index=index,
                revoked=False,
                suspended_until=0,
            ),
        )
        log SignerAdded(signer=signer, index=index, first_epoch=epoch)
    n: uint256 = self._size + len(added) - left
    assert n <= MAX_SIGNERS, "quorum: too many signers"
    assert 2 * threshold > n and threshold < n, "quorum: bad threshold"
    if super_quorum != 0:
        assert super_quorum > threshold and super_quorum < n, "quorum: bad super-quorum"
    self._size = n
    log Rotated(epoch=epoch, threshold=threshold, super_quorum=super_quorum)


@internal
def _revoke(signer: address, epoch: uint256):
    """
    @dev Ends a signer's word for all epochs at once, for good.
    @param signer A registered signer, retired or not, that is not revoked.
    @param epoch The current epoch, the last one that the signer is a member of.
    """
    member: Member = self._known(signer)
    member.revoked = True
    if member.last_epoch == _OPEN_END:
        member.last_epoch = epoch
        self._size -= 1
    self._store(signer, member)
    log SignerRevoked(signer=signer)


@internal
def _suspend(signer: address):
    """
    @dev Ends a signer's word for all epochs, until the end of a spell of 14 days.
    @param signer A registered signer, retired or not, that is not revoked.
    """
    member: Member = self._known(signer)
    assert block.timestamp >= member.suspended_until, "quorum: suspended"
    if block.timestamp >= self._spell + _SUSPENSION + _REST:
        self._spell = block.timestamp
    until: uint256 = self._spell + _SUSPENSION
    assert block.timestamp < until, "quorum: no suspension now"
    member.suspended_until = until
    self._store(signer, member)
    log SignerSuspended(signer=signer, until=member.suspended_until)


@internal
@view
def _check(
    digest: bytes32,
    epoch: uint256,
    needed: uint256,
    signed: DynArray[Bytes[65], MAX_SIGNERS],
) -> uint256:
    """
    @dev Reverts unless enough signers of the epoch signed the digest and nothing else is there.
    @param digest What was signed.
    @param epoch The epoch of the round it is about.
    @param needed How many must have signed, not zero.
    @param signed The signatures, by ascending signer.
    @return uint256 Bit i for the i-th registered signer.
    """
    assert len(signed) >= needed, "quorum: too few signatures"
    agreed: uint256 = 0
    last: uint256 = 0
    for signature: Bytes[65] in signed:
        signer: address = signatures._recover(digest, signature)
        assert convert(signer, uint256) > last, "quorum: not ascending"
        member: uint256 = self._members[signer]
        assert self._counts(member, epoch), "quorum: not a signer"
        last = convert(signer, uint256)
        agreed |= 1 << ((member >> _INDEX_SHIFT) & _M8)
    return agreed


@internal
@view
def _members_of(epoch: uint256) -> DynArray[address, MAX_SIGNERS]:
    """
    @param epoch Any epoch.
    @return DynArray The signers whose range covers it: a later epoch has those that are in force.
    """
    members: DynArray[address, MAX_SIGNERS] = []
    for signer: address in self._signers:
        member: Member = self._load(signer)
        if epoch >= member.first_epoch and epoch <= member.last_epoch:
            members.append(signer)
    return members


@internal
@view
def _is_signer(signer: address, epoch: uint256) -> bool:
    """
    @param signer Any address.
    @param epoch A round's epoch.
    @return bool Whether a signature of the address counts now for rounds of that epoch.
    """
    return epoch != 0 and self._counts(self._members[signer], epoch)


@internal
@view
def _counts(member: uint256, epoch: uint256) -> bool:
    """
    @param member A word of `_members`.
    @param epoch A round's epoch, not zero, so that a zero word counts in none.
    @return bool Whether the member's signature counts now.
    """
    return (
        epoch >= member & _M12
        and epoch <= (member >> _LAST_SHIFT) & _M12
        and (member >> _REVOKED_SHIFT) & 1 == 0
        and block.timestamp >= member >> _SUSPENDED_SHIFT
    )


@internal
@view
def _known(signer: address) -> Member:
    """
    @dev Reverts for an address that is no signer, or one no more.
    @param signer Any address.
    @return Member A signer that is not revoked.
    """
    member: Member = self._load(signer)
    assert member.first_epoch != 0, "quorum: not a signer"
    assert not member.revoked, "quorum: revoked"
    return member


@internal
@view
def _load(signer: address) -> Member:
    """
    @param signer Any address.
    @return Member Its word of `_members`; zeros if it never was a signer.
    """
    word: uint256 = self._members[signer]
    return Member(
        first_epoch=word & _M12,
        last_epoch=(word >> _LAST_SHIFT) & _M12,
        index=(word >> _INDEX_SHIFT) & _M8,
        revoked=(word >> _REVOKED_SHIFT) & 1 == 1,
        suspended_until=word >> _SUSPENDED_SHIFT,
    )


@internal
def _store(signer: address, member: Member):
    """
    @param signer A signer.
    @param member Values inside their bits.
    """
    self._members[signer] = (
        member.first_epoch
        | (member.last_epoch << _LAST_SHIFT)
        | (member.index << _INDEX_SHIFT)
        | (convert(member.revoked, uint256) << _REVOKED_SHIFT)
        | (member.suspended_until << _SUSPENDED_SHIFT)
    )
