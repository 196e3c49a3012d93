# pragma version 0.4.3
"""
@title A contract for tests that obeys its caller, fails, or calls back
@license MIT
"""


number: public(uint256)
caller: public(address)
broken: public(bool)


# @dev How often `call_back` ran, and how often its call went through.
attempts: public(uint256)
successes: public(uint256)


data: Bytes[9000]


@external
def set_number(number: uint256):
    assert not self.broken, "governed: broken"
    self.number = number
    self.caller = msg.sender


@external
def set_broken(broken: bool):
    self.broken = broken


@external
def remember(data: Bytes[9000]):
    self.data = data


@external
def call_back():
    self.attempts += 1
    if raw_call(msg.sender, self.data, revert_on_failure=False):
        self.successes += 1


@external
def __default__():
    self.number = len(msg.data)
