"""BurnVault: one address on both chains; what enters it can only be burned."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boa
import pytest
from assay_system import ROOT, compiled, refused
from child_chain import CHILD_CHAIN
from eth_abi import encode
from eth_utils import keccak, to_canonical_address
from hypothesis import given
from hypothesis import strategies as st
from portal import child_token, mint

NMR = 10**18
MIN_SWEEP = 10 * NMR
DAY = 86_400
MAX_WAIT = 7 * DAY
ROOT_CHAIN = 1
NOBODY = "0x" + "00" * 20
SALT = keccak(text="assay burn vault 1")
FACTORY = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
FACTORY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015"
    "156039578182fd5b8082525050506014600cf3"
)
"""The deterministic deployment proxy: CREATE2 of its calldata, of which the salt comes first."""


@contextmanager
def on_chain(chain_id: int) -> Iterator[None]:
    patch = boa.env.evm.patch
    before, patch.chain_id = patch.chain_id, chain_id
    try:
        yield
    finally:
        patch.chain_id = before


@pytest.fixture(params=[ROOT_CHAIN, CHILD_CHAIN], ids=["root", "child"])
def either(request: pytest.FixtureRequest) -> Iterator[int]:
    with on_chain(request.param):
        yield request.param


@pytest.fixture
def on_root() -> Iterator[None]:
    with on_chain(ROOT_CHAIN):
        yield


@pytest.fixture
def on_child() -> Iterator[None]:
    with on_chain(CHILD_CHAIN):
        yield


@dataclass(frozen=True)
class Tokens:
    """NMR of both chains: the stand-in of Ethereum's, and the portal's own child token."""

    root: Any
    child: Any
    owner: str
    bridge: str

    def vault(self) -> Any:
        arguments = (ROOT_CHAIN, self.root.address, CHILD_CHAIN, self.child.address)
        return compiled("contracts/ethereum/BurnVault.vy").deploy(*arguments)

    def here(self) -> Any:
        return self.root if boa.env.evm.patch.chain_id == ROOT_CHAIN else self.child

    def give(self, account: Any, wei: int) -> None:
        if self.here() is self.root:
            self.root.transfer(account, wei)
        else:
            mint(self.child, self.bridge, account.address, wei)

    def balance(self, account: Any) -> int:
        return int(self.here().balanceOf(account.address))

    def supply(self) -> int:
        return int(self.here().totalSupply())


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    owner, bridge = boa.env.generate_address(), boa.env.generate_address()
    root = compiled("contracts/devnet/RootNmr.vy").deploy(owner, owner)
    return Tokens(root, child_token(bridge), owner, bridge)


def warp(seconds: int) -> None:
    boa.env.timestamp += seconds


# --- sweeping ---


def test_sweep__on_the_root_chain__destroys_all_of_it(
    tokens: Tokens, on_root: None, stranger: str
) -> None:
    vault = tokens.vault()
    total = 0
    for amount in (1, 7 * NMR, 10**6 * NMR):
        tokens.give(vault, amount)
        supply = tokens.supply()
        assert vault.sweepable() == amount
        assert vault.sweep(sender=stranger) == amount
        [event] = [e for e in vault.get_logs() if type(e).__name__ == "Swept"]
        total += amount
        assert (event.amount, event.total) == (amount, total)
        assert (tokens.balance(vault), vault.sweepable()) == (0, 0)
        assert supply - tokens.supply() == amount
    assert vault.swept() == total


def test_sweep__on_the_child_chain__is_a_withdrawal_to_its_own_address(
    tokens: Tokens, on_child: None, stranger: str
) -> None:
    vault = tokens.vault()
    tokens.give(vault, MIN_SWEEP)
    supply = tokens.supply()
    assert vault.sweep(sender=stranger) == MIN_SWEEP
    [burn] = [
        (list(topics[1:]), int.from_bytes(data, "big"))
        for _, address, topics, data in vault._computation.get_raw_log_entries()
        if address == tokens.child.address.canonical_address
    ]
    assert burn == ([int(vault.address, 16), 0], MIN_SWEEP)
    assert supply - tokens.supply() == MIN_SWEEP == vault.swept()


@pytest.mark.parametrize(
    ("amount", "wait", "reason"),
    [
        (MIN_SWEEP, 0, None),
        (MIN_SWEEP - 1, 0, "vault: too early"),
        (MIN_SWEEP - 1, MAX_WAIT - 1, "vault: too early"),
        (MIN_SWEEP - 1, MAX_WAIT, None),
        (1, MAX_WAIT, None),
        (0, MAX_WAIT, "vault: nothing to sweep"),
        (0, 0, "vault: nothing to sweep"),
    ],
)
@pytest.mark.parametrize("earlier", [False, True], ids=["first", "again"])
def test_sweep__on_the_child_chain__enough_or_late_enough(
    tokens: Tokens, on_child: None, amount: int, wait: int, reason: str | None, earlier: bool
) -> None:
    vault = tokens.vault()
    if earlier:
        warp(3 * DAY)
        tokens.give(vault, MIN_SWEEP)
        vault.sweep()
    assert vault.swept_at() == boa.env.timestamp
    if amount:
        tokens.give(vault, amount)
    warp(wait)
    assert vault.sweepable() == (0 if reason else amount)
    if reason is None:
        assert vault.sweep() == amount
        assert vault.swept_at() == boa.env.timestamp
        return
    with refused(reason):
        vault.sweep()


def test_sweep__empty__refused(tokens: Tokens, on_root: None) -> None:
    with refused("vault: nothing to sweep"):
        tokens.vault().sweep()


def test_sweep__token_stopped__refused_and_works_once_it_runs_again(
    tokens: Tokens, on_root: None
) -> None:
    vault = tokens.vault()
    tokens.give(vault, NMR)
    tokens.root.emergencyStop(sender=tokens.owner)
    with boa.reverts():
        vault.sweep()
    assert (vault.swept(), vault.sweepable(), tokens.balance(vault)) == (0, NMR, NMR)
    tokens.root.release(sender=tokens.owner)
    assert vault.sweep() == NMR == vault.swept()


@given(
    st.lists(
        st.tuples(st.integers(0, 2 * MIN_SWEEP), st.integers(0, 2 * MAX_WAIT), st.booleans()),
        max_size=12,
    ),
    st.sampled_from([ROOT_CHAIN, CHILD_CHAIN]),
)
def test_vault__any_gifts_and_sweeps__supply_falls_by_what_was_swept(
    tokens: Tokens, steps: list[tuple[int, int, bool]], chain: int
) -> None:
    """Balance and swept are always all that came in, and only sweeps change the supply."""
    with on_chain(chain), boa.env.anchor():
        vault, came, supply, last = tokens.vault(), 0, tokens.supply(), boa.env.timestamp
        for amount, wait, sweeps in steps:
            tokens.give(vault, amount)
            came += amount
            supply += amount if chain == CHILD_CHAIN else 0
            warp(wait)
            here = tokens.balance(vault)
            late = boa.env.timestamp >= last + MAX_WAIT
            due = here > 0 and (chain == ROOT_CHAIN or here >= MIN_SWEEP or late)
            assert vault.sweepable() == (here if due else 0)
            if sweeps and due:
                assert vault.sweep() == here
                supply, last = supply - here, boa.env.timestamp
            elif sweeps:
                with boa.reverts():
                    vault.sweep()
            assert tokens.supply() == supply
            assert tokens.balance(vault) + vault.swept() == came


# --- tokens that misbehave ---

MISBEHAVING = """
# pragma version 0.4.3
balanceOf: public(HashMap[address, uint256])
totalSupply: public(uint256)
kept: uint256
raised: uint256
answer: bool
attempts: public(uint256)
successes: public(uint256)

@deploy
def __init__(kept: uint256, raised: uint256, answer: bool):
    self.kept = kept
    self.raised = raised
    self.answer = answer
    self.totalSupply = 10**24

@external
def give(account: address, amount: uint256):
    self.balanceOf[account] += amount

@external
def mint(amount: uint256) -> bool:
    self._burn(msg.sender, amount)
    return self.answer

@external
def withdraw(amount: uint256):
    self._burn(msg.sender, amount)

@internal
def _burn(account: address, amount: uint256):
    self.attempts += 1
    if raw_call(account, method_id("sweep()"), revert_on_failure=False):
        self.successes += 1
    self.balanceOf[account] -= amount - self.kept
    self.totalSupply = self.totalSupply + self.raised - amount
"""


@pytest.fixture
def make_bad() -> Any:
    deployer = boa.loads_partial(MISBEHAVING)

    def make(kept: int = 0, raised: int = 0, answer: bool = True) -> tuple[Any, Any]:
        token = deployer.deploy(kept, raised, answer)
        vault = compiled("contracts/ethereum/BurnVault.vy").deploy(
            ROOT_CHAIN, token.address, CHILD_CHAIN, token.address
        )
        token.give(vault, MIN_SWEEP)
        return token, vault

    return make


def test_sweep__token_enters_again__is_locked_out(make_bad: Any, either: int) -> None:
    token, vault = make_bad()
    assert vault.sweep() == MIN_SWEEP == vault.swept()
    assert (token.attempts(), token.successes()) == (1, 0)


def test_sweep__token_keeps_something__refused(make_bad: Any, either: int) -> None:
    _, vault = make_bad(kept=1)
    with refused("vault: not burned"):
        vault.sweep()
    assert vault.swept() == 0


@pytest.mark.parametrize("raised", [1, MIN_SWEEP, MIN_SWEEP + 1, 2 * MIN_SWEEP])
def test_sweep__root_supply_falls_by_less__refused(
    make_bad: Any, on_root: None, raised: int
) -> None:
    _, vault = make_bad(raised=raised)
    with refused("vault: not burned"):
        vault.sweep()


def test_sweep__root_token_answers_false__refused(make_bad: Any, on_root: None) -> None:
    _, vault = make_bad(answer=False)
    with refused("vault: not burned"):
        vault.sweep()


def test_vault__coins_sent_to_it__refused(tokens: Tokens, either: int) -> None:
    vault, sender = tokens.vault(), boa.env.generate_address()
    boa.env.set_balance(sender, 1)
    for data in (b"", keccak(text="sweep()")[:4]):
        sent = boa.env.execute_code(to_address=vault.address, sender=sender, value=1, data=data)
        assert sent.is_error


# --- construction, and the same address on both chains ---


def test_constructor__what_was_given__is_shown(tokens: Tokens, either: int) -> None:
    vault = tokens.vault()
    assert (vault.ROOT_CHAIN(), vault.CHILD_CHAIN()) == (ROOT_CHAIN, CHILD_CHAIN)
    assert vault.ROOT_TOKEN() == tokens.root.address
    assert vault.CHILD_TOKEN() == tokens.child.address
    assert (vault.MIN_SWEEP(), vault.MAX_WAIT()) == (MIN_SWEEP, MAX_WAIT)
    assert (vault.swept(), vault.swept_at()) == (0, boa.env.timestamp)


@pytest.mark.parametrize("chain", [0, 2, 138])
def test_constructor__on_a_third_chain__refused(tokens: Tokens, chain: int) -> None:
    with on_chain(chain), refused("vault: other chain"):
        tokens.vault()


def test_constructor__twice_the_same_chain__refused(tokens: Tokens, on_root: None) -> None:
    arguments = (ROOT_CHAIN, tokens.root.address, ROOT_CHAIN, tokens.child.address)
    with refused("vault: same chain"):
        compiled("contracts/ethereum/BurnVault.vy").deploy(*arguments)


@pytest.mark.parametrize("missing", [1, 3])
def test_constructor__zero_address__refused(tokens: Tokens, either: int, missing: int) -> None:
    arguments = [ROOT_CHAIN, tokens.root.address, CHILD_CHAIN, tokens.child.address]
    arguments[missing] = NOBODY
    with refused("vault: zero address"):
        compiled("contracts/ethereum/BurnVault.vy").deploy(*arguments)


def initcode(*arguments: Any) -> bytes:
    code: bytes = compiled("contracts/ethereum/BurnVault.vy").compiler_data.bytecode
    return code + encode(["uint256", "address", "uint256", "address"], arguments)


def create2(salt: bytes, code: bytes) -> bytes:
    return keccak(b"\xff" + to_canonical_address(FACTORY) + salt + keccak(code))[12:]


def through_factory(code: bytes, sender: str) -> bytes:
    """The address of what the factory makes of the code."""
    boa.env.set_code(FACTORY, FACTORY_CODE)
    made = boa.env.execute_code(to_address=FACTORY, sender=sender, data=SALT + code)
    assert not made.is_error
    return bytes(made.output)


def test_create2__two_chains_two_senders_two_times__one_address_and_one_code(
    tokens: Tokens, stranger: str
) -> None:
    """Whoever deploys it first, deploys just what anybody else would have."""
    code = initcode(ROOT_CHAIN, tokens.root.address, CHILD_CHAIN, tokens.child.address)
    deployed = []
    for chain, sender, later in ((ROOT_CHAIN, boa.env.eoa, 0), (CHILD_CHAIN, stranger, 5 * DAY)):
        with on_chain(chain), boa.env.anchor():
            warp(later)
            address = through_factory(code, sender)
            deployed.append((address, boa.env.get_code("0x" + address.hex())))
            vault = compiled("contracts/ethereum/BurnVault.vy").at("0x" + address.hex())
            tokens.give(vault, MIN_SWEEP)
            assert vault.sweep() == MIN_SWEEP
    assert deployed[0] == deployed[1]
    assert deployed[0][0] == create2(SALT, code)


def test_create2__deployed_already__second_attempt_fails_and_changes_nothing(
    tokens: Tokens, on_child: None, stranger: str
) -> None:
    code = initcode(ROOT_CHAIN, tokens.root.address, CHILD_CHAIN, tokens.child.address)
    address = "0x" + through_factory(code, stranger).hex()
    first = boa.env.get_code(address)
    again = boa.env.execute_code(to_address=FACTORY, data=SALT + code)
    assert again.is_error
    assert boa.env.get_code(address) == first


def test_create2__other_tokens__another_address(tokens: Tokens) -> None:
    """Nobody puts a vault for another token at the address."""
    ours = initcode(ROOT_CHAIN, tokens.root.address, CHILD_CHAIN, tokens.child.address)
    theirs = initcode(ROOT_CHAIN, tokens.owner, CHILD_CHAIN, tokens.child.address)
    assert create2(SALT, ours) != create2(SALT, theirs)


def test_donation__sent_to_the_address_before_deployment__is_burned_with_the_rest(
    tokens: Tokens, on_root: None
) -> None:
    code = initcode(ROOT_CHAIN, tokens.root.address, CHILD_CHAIN, tokens.child.address)
    address = "0x" + create2(SALT, code).hex()
    tokens.root.transfer(address, 3)
    through_factory(code, boa.env.eoa)
    vault = compiled("contracts/ethereum/BurnVault.vy").at(address)
    assert vault.sweep() == 3


def test_source__state_and_calls__nothing_depends_on_the_sender() -> None:
    """CREATE2 makes one address of one initcode: it must not read who sends it."""
    source = (ROOT / "contracts" / "ethereum" / "BurnVault.vy").read_text()
    assert "msg.sender" not in source
    assert "tx.origin" not in source
