# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title RootNmr: a stand-in for NMR on Ethereum, FOR LOCAL CHAINS ONLY
@custom:contract-name RootNmr
@license MIT
@notice NMR with the interface and the quirks of the token on Ethereum, and no value:
        - `mint` destroys tokens of the caller, `numeraiTransfer` those of an account that approved
          the caller; neither creates any;
        - these two, `withdraw` and the disabled functions answer false where others would revert,
          since the token hands them on to another contract and returns whether that call succeeded;
        - `approve` goes only from zero or to zero, `changeApproval` replaces one value by another;
        - a transfer to the zero address does not lower the supply;
        - the owner can stop the token; `numeraiTransfer` and `withdraw` work even then.
@dev One owner instead of several that must agree.
"""


event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256


event Approval:
    owner: indexed(address)
    spender: indexed(address)
    value: uint256


name: public(constant(String[9])) = "Numeraire"
symbol: public(constant(String[3])) = "NMR"
standard: public(constant(String[5])) = "ERC20"
decimals: public(constant(uint256)) = 18


# @dev In wei: all that there will ever be.
supply_cap: public(constant(uint256)) = 11_000_000 * 10**18


# @dev The token was upgraded for the last time.
contractUpgradable: public(constant(bool)) = False


OWNER: immutable(address)
RELAY: immutable(address)


# @dev Supply and balances in wei.
totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


# @dev Whether transfers, approvals and `mint` are stopped.
stopped: public(bool)


@deploy
def __init__(owner: address, relay: address):
    """
    @param owner The account that can stop the token.
    @param relay The account that can move anybody's tokens with `withdraw`.
    """
    OWNER = owner
    RELAY = relay
    self.totalSupply = supply_cap
    self.balanceOf[msg.sender] = supply_cap
    log Transfer(sender=empty(address), receiver=msg.sender, value=supply_cap)


@external
def transfer(_to: address, _value: uint256) -> bool:
    """
    @param _to The receiver; the zero address is one, too.
    @param _value The amount in wei.
    @return bool True; a transfer that cannot be made reverts.
    """
    self._require_running()
    assert self._move(msg.sender, _to, _value), "nmr: balance too low"
    return True


@external
def transferFrom(_from: address, _to: address, _value: uint256) -> bool:
    """
    @param _from The account that pays, not the owner; it must have approved the caller.
    @param _to The receiver.
    @param _value The amount in wei; every allowance is used up.
    @return bool True; a transfer that cannot be made reverts.
    """
    self._require_running()
    assert _from not in [OWNER, self], "nmr: from an owner"
    allowed: uint256 = self.allowance[_from][msg.sender]
    assert allowed >= _value, "nmr: allowance too low"
    assert self._move(_from, _to, _value), "nmr: balance too low"
    self.allowance[_from][msg.sender] = allowed - _value
    return True


@external
def approve(_spender: address, _value: uint256) -> bool:
    """
    @param _spender The account that may move the caller's tokens.
    @param _value How many wei in all; one of this and what was allowed before must be zero.
    @return bool True.
    """
    self._require_running()
    assert _value == 0 or self.allowance[msg.sender][_spender] == 0, "nmr: approved already"
    self._approve(msg.sender, _spender, _value)
    return True


@external
def changeApproval(_spender: address, _oldValue: uint256, _newValue: uint256) -> bool:
    """
    @param _spender The account that may move the caller's tokens.
    @param _oldValue What it may move now, in wei.
    @param _newValue What it may move from now on, in wei.
    @return bool True.
    """
    self._require_running()
    assert self.allowance[msg.sender][_spender] == _oldValue, "nmr: another approval"
    self._approve(msg.sender, _spender, _newValue)
    return True


@external
def mint(_value: uint256) -> bool:
    """
    @notice Destroys tokens of the caller.
    @param _value The amount in wei.
    @return bool False, and nothing is done, if the caller has less.
    """
    self._require_running()
    return self._burn(msg.sender, _value)


@external
def numeraiTransfer(_to: address, _value: uint256) -> bool:
    """
    @notice Destroys tokens of an account that approved the caller.
    @param _to The account whose tokens are destroyed.
    @param _value The amount in wei.
    @return bool False, and nothing is done, if the allowance or the balance is too low.
    """
    allowed: uint256 = self.allowance[_to][msg.sender]
    if allowed < _value or not self._burn(_to, _value):
        return False
    self._approve(_to, msg.sender, allowed - _value)
    return True


@external
def withdraw(_from: address, _to: address, _value: uint256) -> bool:
    """
    @notice Moves tokens of any account; for the relay only.
    @param _from The account that pays.
    @param _to The receiver, not zero.
    @param _value The amount in wei.
    @return bool False, and nothing is done, for others and if the balance is too low.
    """
    if msg.sender != RELAY or _to == empty(address):
        return False
    return self._move(_from, _to, _value)


@external
def emergencyStop():
    """
    @notice Stops transfers, approvals and `mint`; for the owner only.
    """
    assert msg.sender == OWNER, "nmr: not the owner"
    self.stopped = True


@external
def release():
    """
    @notice Ends a stop; for the owner only.
    """
    assert msg.sender == OWNER, "nmr: not the owner"
    self.stopped = False


@external
def createTournament(_newDelegate: uint256) -> bool:
    """
    @notice Disabled since the last upgrade.
    @param _newDelegate Ignored.
    @return bool False.
    """
    return False


@external
def createRound(
    _tournamentID: uint256, _roundID: uint256, _endTime: uint256, _resolutionTime: uint256
) -> bool:
    """
    @notice Disabled since the last upgrade.
    @param _tournamentID Ignored.
    @param _roundID Ignored.
    @param _endTime Ignored.
    @param _resolutionTime Ignored.
    @return bool False.
    """
    return False


@external
def stake(
    _value: uint256, _tag: bytes32, _tournamentID: uint256, _roundID: uint256, _confidence: uint256
) -> bool:
    """
    @notice Disabled: staking in the token itself ended with an upgrade.
    @param _value Ignored.
    @param _tag Ignored.
    @param _tournamentID Ignored.
    @param _roundID Ignored.
    @param _confidence Ignored.
    @return bool False.
    """
    self._require_running()
    return False


@internal
@view
def _require_running():
    """
    @dev Reverts while the token is stopped.
    """
    assert not self.stopped, "nmr: stopped"


@internal
def _move(owner: address, to: address, amount: uint256) -> bool:
    """
    @dev Moves tokens without asking for an allowance.
    @param owner The account that pays.
    @param to The receiver.
    @param amount The amount in wei.
    @return bool False if the balance is too low.
    """
    if self.balanceOf[owner] < amount:
        return False
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
    log Transfer(sender=owner, receiver=to, value=amount)
    return True


@internal
def _burn(owner: address, amount: uint256) -> bool:
    """
    @dev Destroys tokens.
    @param owner The account whose tokens they are.
    @param amount The amount in wei.
    @return bool False if the balance is too low.
    """
    if self.balanceOf[owner] < amount:
        return False
    self.balanceOf[owner] -= amount
    self.totalSupply -= amount
    log Transfer(sender=owner, receiver=empty(address), value=amount)
    return True


@internal
def _approve(owner: address, spender: address, amount: uint256):
    """
    @dev Sets an allowance.
    @param owner The account whose tokens may be moved.
    @param spender The account that may move them.
    @param amount The amount in wei.
    """
    self.allowance[owner][spender] = amount
    log Approval(owner=owner, spender=spender, value=amount)
