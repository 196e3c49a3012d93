"""The contracts agree with the Python encoders and with the golden bytes of formats version 1."""

import importlib.util
import json
from dataclasses import asdict, astuple, replace
from typing import Any

import boa
import pytest
from assay_system import CLOCKS, ROOT, SUPPLY, Timing, compiled, operators, polygon
from eth_account import Account
from eth_utils import to_checksum_address
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.settlement.intents import StakeIntent, StakeMandate
from oracle.settlement.typed_data import Confirm, Domain, Result, digest, struct_hash
from oracle.settlement.units import WEI_PER_UNIT

GOLDEN_FOLDER = ROOT / "tests" / "golden"
CHAIN_ID = 731371


def load_examples() -> Any:
    """The module that made the golden file: the same inputs."""
    spec = importlib.util.spec_from_file_location("golden_formats", GOLDEN_FOLDER / "formats.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLES = load_examples()
GOLDEN = json.loads((GOLDEN_FOLDER / "formats-v1.json").read_text())
ANNOUNCER = "0x" + "aa" * 20


GOVERNOR, GUARDIAN, BURN_VAULT = ("0x" + digits * 20 for digits in ("ab", "ac", "ad"))


@pytest.fixture(scope="module")
def golden_oracle() -> Any:
    """A RoundOracle and a StakePool at the addresses and on the chain of the golden file, with
    the golden round announced."""
    boa.env.evm.patch.chain_id = CHAIN_ID
    boa.env.timestamp = EXAMPLES.ANNOUNCEMENT.opens
    token = compiled("contracts/devnet/ChildNmr.vy").deploy(SUPPLY * WEI_PER_UNIT)
    polygon("StakePool").deploy(
        token,
        EXAMPLES.ORACLE,
        token,
        EXAMPLES.RELAY,
        BURN_VAULT,
        astuple(CLOCKS),
        override_address=EXAMPLES.POOL,
    )
    signers = sorted(
        [GOLDEN["signer"], *(o.address for o in operators(2))], key=lambda a: int(a, 16)
    )
    oracle = polygon("RoundOracle").deploy(
        EXAMPLES.POOL,
        EXAMPLES.COMMIT.tournament,
        token,
        BURN_VAULT,
        GOVERNOR,
        ANNOUNCER,
        GUARDIAN,
        signers,
        2,
        0,
        astuple(EXAMPLES.TEMPLATE),
        astuple(Timing(gap=1, max_horizon=10**7)),
        override_address=EXAMPLES.ORACLE,
    )
    golden = EXAMPLES.ANNOUNCEMENT
    for k in range(1, golden.round + 1):
        closes = golden.closes - golden.round + k
        phi = golden.phi if k == golden.round else 10**6
        oracle.announce(
            k,
            golden.opens,
            closes,
            golden.horizon,
            phi,
            golden.series_hash,
            golden.spec_hash,
            sender=ANNOUNCER,
        )
    return oracle


@pytest.fixture(scope="module")
def golden_relay() -> Any:
    """A StakeRelay at the address and on the chain of the golden file."""
    boa.env.evm.patch.chain_id = CHAIN_ID
    return polygon("StakeRelay").deploy(EXAMPLES.POOL, BURN_VAULT, override_address=EXAMPLES.RELAY)


@pytest.fixture
def challenged(golden_oracle: Any) -> Any:
    """The golden round's commit was vetoed."""
    commit(golden_oracle)
    golden_oracle.veto(7, bytes(32), sender=GUARDIAN)
    return golden_oracle


def commit(oracle: Any) -> None:
    """The golden commit with the golden signature and another one."""
    golden = EXAMPLES.ANNOUNCEMENT
    boa.env.timestamp = golden.closes + golden.horizon
    other = operators(2)[0]
    signed = digest(EXAMPLES.COMMIT, Domain(CHAIN_ID, EXAMPLES.ORACLE))
    by = {
        GOLDEN["signer"]: bytes.fromhex(GOLDEN["commit"]["signature"][2:]),
        other.address: bytes(other.unsafe_sign_hash(signed).signature),
    }
    signatures = [by[who] for who in sorted(by, key=lambda a: int(a, 16))]
    oracle.commit(7, EXAMPLES.COMMIT.result.argument(), signatures)


def hex32(value: bytes) -> str:
    return "0x" + value.hex()


def test_announcement__golden_round__golden_hashes(golden_oracle: Any) -> None:
    assert hex32(golden_oracle.template_hash()) == GOLDEN["template_hash"]
    assert hex32(golden_oracle.sealed(7)) == GOLDEN["announce_hash"]


def test_digest__golden_commit__golden_digest(golden_oracle: Any) -> None:
    said = EXAMPLES.COMMIT
    found = golden_oracle.commit_digest(7, said.announce_hash, said.result.argument())
    assert hex32(found) == GOLDEN["commit"]["digest"]


def test_commit__golden_signature__accepted(golden_oracle: Any) -> None:
    commit(golden_oracle)
    assert golden_oracle.round_of(7).status == 2
    assert golden_oracle.sealed(7) == struct_hash(EXAMPLES.COMMIT)


def test_digest__golden_intent_and_mandate__golden_bytes(golden_relay: Any) -> None:
    intent = golden_relay.intent_digest(EXAMPLES.STAKE_INTENT.argument())
    assert hex32(intent) == GOLDEN["stake_intent"]["digest"]
    mandate = golden_relay.mandate_hash(EXAMPLES.STAKE_MANDATE.argument())
    assert hex32(mandate) == GOLDEN["mandate_hash"]


hashes = st.binary(min_size=32, max_size=32)
numbers = st.integers(0, 2**256 - 1)
addresses = st.binary(min_size=20, max_size=20).map(to_checksum_address)
chain_ids = st.integers(1, 2**63)
results = st.builds(
    Result,
    close_block_hash=hashes,
    chain_head=hashes,
    at_risk=numbers,
    words=numbers,
    manifest=hashes,
    meta_root=hashes,
)


@given(result=results, announce_hash=hashes, chain_id=chain_ids)
def test_digest__any_commit__equals_the_encoder(
    golden_oracle: Any, result: Result, announce_hash: bytes, chain_id: int
) -> None:
    boa.env.evm.patch.chain_id = chain_id
    said = replace(EXAMPLES.COMMIT, announce_hash=announce_hash, **asdict(result))
    expected = digest(said, Domain(chain_id, EXAMPLES.ORACLE))
    assert golden_oracle.commit_digest(7, announce_hash, result.argument()) == expected


@given(result=results, announce_hash=hashes, chain_id=chain_ids)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_digest__any_confirm__equals_the_encoder(
    challenged: Any, result: Result, announce_hash: bytes, chain_id: int
) -> None:
    boa.env.evm.patch.chain_id = chain_id
    commit_fields = asdict(EXAMPLES.COMMIT) | asdict(result) | {"announce_hash": announce_hash}
    said = Confirm(**commit_fields, challenge_id=challenged.round_of(7).challenge_id)
    expected = digest(said, Domain(chain_id, EXAMPLES.ORACLE))
    assert challenged.confirm_digest(7, announce_hash, result.argument()) == expected


@given(fields=st.lists(numbers, min_size=6, max_size=6), chain_id=chain_ids)
def test_digest__any_intent__equals_the_encoder(
    golden_relay: Any, fields: list[int], chain_id: int
) -> None:
    boa.env.evm.patch.chain_id = chain_id
    intent = StakeIntent(EXAMPLES.POOL, *fields)
    expected = digest(intent, Domain(chain_id, EXAMPLES.RELAY))
    assert golden_relay.intent_digest(intent.argument()) == expected


@given(
    owner=addresses,
    relayer=addresses,
    models=st.lists(numbers, max_size=64).map(tuple),
    fields=st.lists(numbers, min_size=4, max_size=4),
)
def test_hash__any_mandate__equals_the_encoder(
    golden_relay: Any, owner: str, relayer: str, models: tuple[int, ...], fields: list[int]
) -> None:
    mandate = StakeMandate(EXAMPLES.POOL, owner, relayer, models, *fields)
    assert golden_relay.mandate_hash(mandate.argument()) == mandate.hash()
    assert struct_hash(mandate) == mandate.hash()


def test_domain__named_accounts__differ_from_the_golden_signer() -> None:
    """The golden key is public: no operator of a test uses it."""
    assert Account.from_key(EXAMPLES.KEY).address not in {o.address for o in operators(16)}
