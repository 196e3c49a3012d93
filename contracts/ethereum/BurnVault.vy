# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title BurnVault
@custom:contract-name BurnVault
@license MIT
@notice Where lost stakes, fees and forfeited bonds wait to be destroyed. It has one address on both
        chains: on the child chain `sweep` withdraws all its NMR through Polygon's bridge, whose
        exit pays the withdrawer, which is this address on the root chain; there `sweep` destroys
        all that has arrived with the token's own burn. Anyone may sweep, nobody can do anything
        else: what enters leaves the supply.
@dev Code and constructor arguments are the same on both chains, so that CREATE2 through the
     deterministic deployment proxy gives the same address on both, whoever sends it. The chain is
     told by its id. No owner, no pause, no way out but the burn; tokens that are not NMR stay.
     A stopped token only delays: a sweep that did not burn reverts and may be made again.
"""


interface IToken:
    def balanceOf(account: address) -> uint256: view
    def totalSupply() -> uint256: view


# The token of the PoS portal: burns the caller's, which the bridge takes for a withdrawal to it.
interface IChildToken:
    def withdraw(amount: uint256): nonpayable


# NMR: its `mint` burns the caller's.
interface IRootToken:
    def mint(amount: uint256) -> bool: nonpayable


# @dev Wei from which a sweep of the child chain is due at once, for each one costs an exit on the
# root chain.
MIN_SWEEP: public(constant(uint256)) = 10 * 10**18


# @dev Seconds after the last sweep from which one of the child chain is due whatever the amount.
MAX_WAIT: public(constant(uint256)) = 7 * 86_400


# @dev The chain that NMR lives on and the one that stakes do, and NMR's address on each.
ROOT_CHAIN: public(immutable(uint256))
ROOT_TOKEN: public(immutable(address))
CHILD_CHAIN: public(immutable(uint256))
CHILD_TOKEN: public(immutable(address))


# @dev Wei swept on this chain so far.
swept: public(uint256)


# @dev Block time of the last sweep in seconds, at first of the deployment.
swept_at: public(uint256)


event Swept:
    amount: uint256
    total: uint256


@deploy
def __init__(root_chain: uint256, root_token: address, child_chain: uint256, child_token: address):
    """
    @param root_chain Id of the chain that NMR lives on.
    @param root_token NMR there.
    @param child_chain Id of the chain that stakes live on.
    @param child_token NMR there.
    """
    assert root_chain != child_chain, "vault: same chain"
    assert chain.id == root_chain or chain.id == child_chain, "vault: other chain"
    assert root_token != empty(address) and child_token != empty(address), "vault: zero address"
    ROOT_CHAIN = root_chain
    ROOT_TOKEN = root_token
    CHILD_CHAIN = child_chain
    CHILD_TOKEN = child_token
    self.swept_at = block.timestamp


@external
def sweep() -> uint256:
    """
    @notice Burns all NMR that is here: on the child chain into a withdrawal to this address on the
            root chain, from `MIN_SWEEP` on or `MAX_WAIT` after the last sweep; on the root chain
            for good.
    @return uint256 The amount in wei.
    """
    amount: uint256 = self._balance()
    assert amount != 0, "vault: nothing to sweep"
    assert self._is_due(amount), "vault: too early"
    total: uint256 = self.swept + amount
    self.swept = total
    self.swept_at = block.timestamp
    log Swept(amount=amount, total=total)
    if chain.id == ROOT_CHAIN:
        supply: uint256 = staticcall IToken(ROOT_TOKEN).totalSupply()
        assert extcall IRootToken(ROOT_TOKEN).mint(amount), "vault: not burned"
        left: uint256 = staticcall IToken(ROOT_TOKEN).totalSupply()
        assert left <= supply and supply - left == amount, "vault: not burned"
    else:
        extcall IChildToken(CHILD_TOKEN).withdraw(amount)
    assert self._balance() == 0, "vault: not burned"
    return amount


@external
@view
def sweepable() -> uint256:
    """
    @return uint256 The wei that `sweep` would burn now; 0 if there is nothing, or not enough yet.
    """
    amount: uint256 = self._balance()
    if self._is_due(amount):
        return amount
    return 0


@internal
@view
def _balance() -> uint256:
    """
    @return uint256 This contract's NMR on this chain, in wei.
    """
    token: address = CHILD_TOKEN
    if chain.id == ROOT_CHAIN:
        token = ROOT_TOKEN
    return staticcall IToken(token).balanceOf(self)


@internal
@view
def _is_due(amount: uint256) -> bool:
    """
    @param amount What there is, in wei.
    @return bool Whether that may be swept now.
    """
    return (
        chain.id == ROOT_CHAIN
        or amount >= MIN_SWEEP
        or block.timestamp >= self.swept_at + MAX_WAIT
    )
