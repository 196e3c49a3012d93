"""``make fork`` as people run it: on the networks of a record, and where it cannot begin."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from two_chains import NMR, TwoChains, two_chains
from web3.types import TxReceipt

from oracle.bridge.record import BridgeRecord
from oracle.errors import InputError, RefusedError, UnreachableError

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("deployment")]

RealBase = Callable[[Path, str | None, dict[str, str]], Any]
ROOT = Path(__file__).resolve().parents[2]
HOLDER = 30


@pytest.fixture(scope="module")
def chains() -> Iterator[TwoChains]:
    """They play the real networks: nothing says that they run here."""
    with two_chains(1, 137) as chains:
        yield chains


@pytest.fixture(scope="module")
def burnt(chains: TwoChains) -> str:
    """A withdrawal in a checkpoint."""
    chains.give(HOLDER, NMR)
    chains.deposit(HOLDER, NMR)
    chains.settle_syncs()
    receipt = chains.withdraw(HOLDER, NMR)
    assert chains.checkpoint() is not None
    return _hash(receipt)


def _hash(receipt: TxReceipt) -> str:
    return "0x" + bytes(receipt["transactionHash"]).hex()


@pytest.fixture
def record(chains: TwoChains, tmp_path: Path) -> Path:
    chains.record.save(tmp_path / "bridge.json")
    return tmp_path / "bridge.json"


@pytest.fixture
def addresses(chains: TwoChains) -> dict[str, str]:
    return {
        "ETHEREUM_MAINNET_RPC": chains.root.url,
        "POLYGON_MAINNET_RPC": chains.child.url,
    }


@pytest.fixture
def real_base(monkeypatch: pytest.MonkeyPatch) -> RealBase:
    """What describes the networks of a record, from the folder of the forks' tests."""
    monkeypatch.syspath_prepend(str(ROOT / "tests/fork"))
    return importlib.import_module("fork_base").real_base


def fork(*arguments: object, **environment: str) -> tuple[int, str, str]:
    """Exit code, standard output and error."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/fork/run.py"), *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests/support'}"} | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout, done.stderr


def test_fork__networks_of_a_record__withdrawal_is_exited_and_what_needs_keys_skipped(
    chains: TwoChains, burnt: str, record: Path, addresses: dict[str, str]
) -> None:
    heads = [web3.eth.get_block("latest")["hash"] for web3 in (chains.root_web3, chains.child_web3)]
    code, out, err = fork("--bridge", record, "--withdrawal", burnt, "--", "-v", **addresses)
    assert code == 0, out + err
    assert (
        "test_fork_exit.py::test_exit__burnt_before_the_fork__paid_to_the_owner_once PASSED" in out
    )
    assert "needs keys of Polygon's validators" in out
    assert "FAILED" not in out
    assert heads == [
        web3.eth.get_block("latest")["hash"] for web3 in (chains.root_web3, chains.child_web3)
    ]


def test_fork__no_address_of_a_network__names_the_variable(
    record: Path, addresses: dict[str, str]
) -> None:
    code, _, err = fork("--bridge", record, **addresses | {"POLYGON_MAINNET_RPC": ""})
    assert (code, err.count("\n")) == (3, 1)
    assert "no address of test's networks in POLYGON_MAINNET_RPC" in err


def test_base__address_of_another_network__is_refused_without_its_secret(
    real_base: RealBase, chains: TwoChains, record: Path, addresses: dict[str, str]
) -> None:
    wrong = {"POLYGON_MAINNET_RPC": f"{chains.root.url}/?key=some-secret"}
    with pytest.raises(UnreachableError, match="serves chain 1, expected chain 137") as refused:
        real_base(record, None, addresses | wrong)
    assert "secret" not in str(refused.value)


def test_base__record_of_other_chains__is_refused(
    real_base: RealBase, chains: TwoChains, tmp_path: Path, addresses: dict[str, str]
) -> None:
    told = chains.record.model_dump(by_alias=True)
    told["child"]["chain_id"] = 731371
    path = tmp_path / "devnet.json"
    BridgeRecord.model_validate(told).save(path)
    with pytest.raises(InputError, match="is of chains 1 and 731371"):
        real_base(path, None, addresses)


def test_base__withdrawals_that_cannot_be_exited__are_refused(
    real_base: RealBase,
    chains: TwoChains,
    burnt: str,
    record: Path,
    addresses: dict[str, str],
) -> None:
    with chains.undone():
        chains.give(HOLDER, NMR)
        chains.deposit(HOLDER, NMR)
        chains.settle_syncs()
        late = chains.withdraw(HOLDER, NMR)
        move = chains.child_token.functions.transfer(chains.record.child.fx_child, 0)
        plain = chains.done(chains.child_web3, move, HOLDER)
        for withdrawal, kind, why in (
            ("0x12", InputError, "no transaction's hash"),
            ("0x" + "11" * 32, InputError, "has no transaction"),
            (_hash(plain), InputError, "burnt NMR 0 times"),
            (_hash(late), RefusedError, "in no checkpoint yet"),
        ):
            with pytest.raises(kind, match=why):
                real_base(record, withdrawal, addresses)
        assert real_base(record, burnt, addresses).withdrawal == burnt
        receipt = chains.child_web3.eth.get_transaction_receipt(burnt)  # type: ignore[arg-type]
        paid = chains.manager.functions.exit(chains.exit_of(receipt).payload)
        chains.done(chains.root_web3, paid, HOLDER)
        with pytest.raises(RefusedError, match="was exited already"):
            real_base(record, burnt, addresses)


def test_fork__withdrawal_without_a_network__is_refused() -> None:
    code, _, err = fork("--withdrawal", "0x" + "11" * 32)
    assert code == 3
    assert "--bridge" in err


def test_fork__anvil_missing__says_what_installs_it(
    tmp_path: Path,
) -> None:
    """By a checkout without its packages, on a machine without an anvil of its own."""
    without = tmp_path / "sitecustomize.py"
    without.write_text(
        "import pathlib, oracle.settings as s; s.project_root = lambda: pathlib.Path('/nowhere')\n"
    )
    path = f"{tmp_path}:{ROOT}:{ROOT / 'tests/support'}"
    code, _, err = fork(PYTHONPATH=path, PATH=str(tmp_path))
    assert (code, err.count("\n")) == (6, 1)
    assert "anvil" in err
    assert "run `make setup`" in err
