# pragma version 0.4.3
"""
@title A token for tests that calls back, keeps a fee, stops, or answers False
@license MIT
"""


balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


# @dev How often a transfer called back, and how often the call went through.
attempts: public(uint256)
successes: public(uint256)


target: address
data: Bytes[1024]
fee: uint256
stopped: bool
quiet: bool


@deploy
def __init__(supply: uint256):
    self.balanceOf[msg.sender] = supply


@external
def call_back(target: address, data: Bytes[1024]):
    self.target = target
    self.data = data


@external
def set_fee(percent: uint256):
    self.fee = percent


@external
def stop(stopped: bool):
    self.stopped = stopped


@external
def refuse_quietly(quiet: bool):
    self.quiet = quiet


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def transfer(to: address, amount: uint256) -> bool:
    return self._move(msg.sender, to, amount)


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    assert self.allowance[owner][msg.sender] >= amount, "token: allowance too low"
    return self._move(owner, to, amount)


@internal
def _move(owner: address, to: address, amount: uint256) -> bool:
    assert not self.stopped, "token: stopped"
    if self.quiet:
        return False
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount * (100 - self.fee) // 100
    if self.target != empty(address):
        self.attempts += 1
        if raw_call(self.target, self.data, revert_on_failure=False):
            self.successes += 1
    return True
