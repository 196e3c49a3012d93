"""The contracts agree with the Python encoders and with the golden bytes of formats version 1."""

import importlib.util
import json
from dataclasses import asdict
from typing import Any

import boa
import pytest
from assay_system import ROOT, SUPPLY, Timing, compiled, operators
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.typed_data import Commit, Domain, digest
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


@pytest.fixture(scope="module")
def golden_oracle() -> Any:
    """A RoundOracle and a StakePool at the addresses and on the chain of the golden file, with
    the golden round announced."""
    boa.env.evm.patch.chain_id = CHAIN_ID
    boa.env.timestamp = EXAMPLES.ANNOUNCEMENT.opens
    token = compiled("contracts/devnet/ChildNmr.vy").deploy(SUPPLY * WEI_PER_UNIT)
    compiled("contracts/polygon/StakePool.vy").deploy(
        token, EXAMPLES.ORACLE, token, override_address=EXAMPLES.POOL
    )
    signers = sorted(
        [GOLDEN["signer"], *(o.address for o in operators(2))], key=lambda a: int(a, 16)
    )
    oracle = compiled("contracts/polygon/RoundOracle.vy").deploy(
        EXAMPLES.POOL,
        EXAMPLES.COMMIT.tournament,
        ANNOUNCER,
        signers,
        2,
        tuple(asdict(EXAMPLES.TEMPLATE).values()),
        tuple(asdict(Timing(gap=1, max_horizon=10**7)).values()),
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


def arguments(commit: Commit) -> tuple[Any, ...]:
    return (
        commit.round,
        commit.close_block_hash,
        commit.chain_head,
        commit.at_risk,
        commit.words,
        commit.manifest,
        commit.meta_root,
    )


def hex32(value: bytes) -> str:
    return "0x" + value.hex()


def test_announcement__golden_round__golden_hashes(golden_oracle: Any) -> None:
    assert hex32(golden_oracle.template_hash()) == GOLDEN["template_hash"]
    assert hex32(golden_oracle.announce_hash(7)) == GOLDEN["announce_hash"]


def test_digest__golden_commit__golden_digest(golden_oracle: Any) -> None:
    assert hex32(golden_oracle.digest(*arguments(EXAMPLES.COMMIT))) == GOLDEN["commit"]["digest"]


def test_commit__golden_signature__accepted(golden_oracle: Any) -> None:
    golden = EXAMPLES.ANNOUNCEMENT
    boa.env.timestamp = golden.closes + golden.horizon
    other = operators(2)[0]
    signed = digest(EXAMPLES.COMMIT, Domain(CHAIN_ID, EXAMPLES.ORACLE))
    by = {
        GOLDEN["signer"]: bytes.fromhex(GOLDEN["commit"]["signature"][2:]),
        other.address: bytes(other.unsafe_sign_hash(signed).signature),
    }
    signatures = [by[who] for who in sorted(by, key=lambda a: int(a, 16))]
    golden_oracle.commit(*arguments(EXAMPLES.COMMIT), signatures)
    assert golden_oracle.round_of(7).status == 2


hashes = st.binary(min_size=32, max_size=32)


@given(
    close_block_hash=hashes,
    chain_head=hashes,
    at_risk=st.integers(0, 2**256 - 1),
    words=st.integers(0, 2**256 - 1),
    manifest=hashes,
    meta_root=hashes,
    chain_id=st.integers(1, 2**63),
)
def test_digest__any_commit__equals_the_encoder(
    golden_oracle: Any, chain_id: int, **fields: Any
) -> None:
    boa.env.evm.patch.chain_id = chain_id
    commit = Commit(**(asdict(EXAMPLES.COMMIT) | fields))
    expected = digest(commit, Domain(chain_id, EXAMPLES.ORACLE))
    assert golden_oracle.digest(*arguments(commit)) == expected


def test_domain__named_accounts__differ_from_the_golden_signer() -> None:
    """The golden key is public: no operator of a test uses it."""
    assert Account.from_key(EXAMPLES.KEY).address not in {o.address for o in operators(16)}
