# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title ChildNmr: a stand-in for NMR on Polygon, FOR LOCAL CHAINS ONLY
@custom:contract-name ChildNmr
@license MIT
@notice A plain ERC-20 with NMR's 18 decimals whose whole supply goes to the deployer. It has no
        value and no bridge; the pool on Polygon holds the token of the PoS portal instead
        (UChildERC20: the same transfer, approve and transferFrom, no permit).
@dev Behaves as that token does where the pool can tell: returns True, reverts when short.
"""


from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed
implements: IERC20
implements: IERC20Detailed


name: public(constant(String[32])) = "Numeraire (local chain stand-in)"
symbol: public(constant(String[3])) = "NMR"
decimals: public(constant(uint8)) = 18


# @dev Supply and balances in wei.
totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


@deploy
def __init__(supply: uint256):
    """
    @param supply The whole supply in wei, given to the deployer.
    """
    self.totalSupply = supply
    self.balanceOf[msg.sender] = supply
    log IERC20.Transfer(sender=empty(address), receiver=msg.sender, value=supply)


@external
def transfer(to: address, amount: uint256) -> bool:
    """
    @param to The receiver, not zero.
    @param amount The amount in wei.
    @return bool True; a transfer that cannot be made reverts.
    """
    self._transfer(msg.sender, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @param spender The account that may move the caller's tokens.
    @param amount How many wei in all; 2^256 - 1 is not used up.
    @return bool True.
    """
    self.allowance[msg.sender][spender] = amount
    log IERC20.Approval(owner=msg.sender, spender=spender, value=amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    """
    @param owner The account that pays; it must have approved the caller.
    @param to The receiver, not zero.
    @param amount The amount in wei.
    @return bool True; a transfer that cannot be made reverts.
    """
    allowed: uint256 = self.allowance[owner][msg.sender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "token: allowance too low"
        self.allowance[owner][msg.sender] = allowed - amount
    self._transfer(owner, to, amount)
    return True


@internal
def _transfer(owner: address, to: address, amount: uint256):
    """
    @dev Moves tokens without asking for an allowance.
    @param owner The account that pays.
    @param to The receiver.
    @param amount The amount in wei.
    """
    assert to != empty(address), "token: to the zero address"
    assert self.balanceOf[owner] >= amount, "token: balance too low"
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=owner, receiver=to, value=amount)
