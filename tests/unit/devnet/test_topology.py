"""A devnet's declaration: read exactly, and refused with what is wrong and where."""

import json
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.chain.keys import dev_account
from oracle.devnet.topology import REAL_CHAINS, exact, load
from oracle.errors import InputError
from oracle.settlement.payout import Template
from oracle.settlement.units import RATE_ONE, UNITS_PER_NMR

DEFAULT: dict[str, Any] = json.loads(load().model_dump_json())


def _written(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A topology file that differs from the default in one thing."""
    value = json.loads(json.dumps(DEFAULT))
    change(value)
    path = folder / "topology.json"
    path.write_text(json.dumps(value))
    return path


def test_load__nothing_named__the_packaged_default() -> None:
    topology = load()
    assert topology.chain.chain_id not in REAL_CHAINS
    assert topology.tournament.template.template() == Template(
        kinds=(1, 2, 0),
        multipliers=(750_000, 2_250_000, 0),
        clip_up=RATE_ONE // 20,
        clip_down=RATE_ONE // 20,
        threshold=72_000 * UNITS_PER_NMR,
        kappa=500_000,
    )
    assert topology.rpc == f"http://127.0.0.1:{topology.chain.port}"
    assert len({o.url for o in topology.operators}) == len(topology.operators) == 4


def test_load__toml_copy_and_json_dump__the_same(tmp_path: Path) -> None:
    toml = tmp_path / "mine.toml"
    toml.write_text(files("oracle.devnet").joinpath("topology.toml").read_text())
    assert load(toml) == load(_written(tmp_path, lambda _: None)) == load()


@pytest.mark.parametrize(
    ("table", "field"),
    [
        ("tournament", "super_quorum"),
        ("tournament", "registry_fee_nmr"),
        ("tournament", "clocks"),
        ("tournament", "timing.challenge"),
        ("", "governance"),
    ],
)
def test_load__field_left_out__has_the_default_files_value(
    tmp_path: Path, table: str, field: str
) -> None:
    def leave_out(topology: dict[str, Any]) -> None:
        place = topology[table] if table else topology
        *groups, last = field.split(".")
        for group in groups:
            place = place[group]
        del place[last]

    assert load(_written(tmp_path, leave_out)) == load()


@pytest.mark.parametrize("chain_id", sorted(REAL_CHAINS))
def test_load__real_networks_chain_id__refused(tmp_path: Path, chain_id: int) -> None:
    """So that nothing signed on a devnet is good anywhere else."""
    assert {1, 137} <= REAL_CHAINS
    path = _written(tmp_path, lambda t: t["chain"].update(chain_id=chain_id))
    with pytest.raises(InputError, match=f"chain id {chain_id} belongs to a real network") as info:
        load(path)
    assert "731371" in info.value.fix


def _template(**changes: object) -> Callable[[dict[str, Any]], None]:
    return lambda t: t["tournament"]["template"].update(changes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.update(colour="red"), "colour: Extra inputs"),
        (lambda t: t["chain"].update(host="x"), r"chain\.host: Extra inputs"),
        (lambda t: t["operators"][1].update(key="x"), r"operators\.1\.key: Extra inputs"),
        (lambda t: t.pop("chain"), "chain: Field required"),
        (lambda t: t["chain"].update(chain_id=0), r"chain\.chain_id: "),
        (lambda t: t["chain"].update(chain_id=2**32), r"chain\.chain_id: "),
        (lambda t: t["chain"].update(port=80), r"chain\.port: "),
        (lambda t: t["operators"][0].update(port=65_536), r"operators\.0\.port: "),
        (lambda t: t["operators"][0].update(name="../up"), r"operators\.0\.name: "),
        (lambda t: t["operators"][0].update(account=64), r"operators\.0\.account: "),
        (lambda t: t["stakers"].update(first_account=60, count=5), "stakers"),
        (lambda t: t["tournament"].update(number=9), r"tournament\.number: "),
        (lambda t: t.update(operators=t["operators"][:1]), "operators: "),
        (lambda t: t["tournament"].update(signatures=5), "signatures"),
        (lambda t: t["tournament"].update(signatures=4), "signatures"),
        (lambda t: t["tournament"].update(signatures=2), "signatures"),
        (lambda t: t["operators"][1].update(name="operator-1"), "operators.*name"),
        (lambda t: t["operators"][1].update(account=2), "operators.*account"),
        (lambda t: t["operators"][1].update(account=0), "operators.*account 0"),
        (lambda t: t["operators"][1].update(account=6), "operators.*account 6"),
        (lambda t: t["governance"].update(guardian=1), "governance.*account 1"),
        (lambda t: t["governance"].update(proposer=6), "governance.*account 6"),
        (lambda t: t["governance"].update(proposer=64), r"governance\.proposer: "),
        (lambda t: t["governance"].update(delay=0), r"governance\.delay: "),
        (lambda t: t["root"].update(chain_id=731_371), "chain id 731371 stands more than once"),
        (lambda t: t["root"].update(chain_id=1), "chain id 1 belongs to a real network"),
        (lambda t: t["root"].update(port=28_601), "port 28601"),
        (lambda t: t["root"].update(rpc=["x"]), r"root\.rpc: Extra inputs"),
        (lambda t: t["bridge"].update(validators=[]), r"bridge\.validators: "),
        (lambda t: t["bridge"].update(validators=[40, 40]), "bridge.*account 40"),
        (lambda t: t["bridge"].update(admin=2), "bridge.*account 2"),
        (lambda t: t["bridge"].update(admin=12), "bridge, stakers: account 12"),
        (lambda t: t["bridge"].update(poll=0), r"bridge\.poll: "),
        (lambda t: t["server"].update(port=80), r"server\.port: "),
        (lambda t: t["server"].update(port=28_601), "port 28601"),
        (lambda t: t["server"].update(relayer=60), "server: account 60"),
        (lambda t: t["server"].update(submitter=2), "server: account 2"),
        (lambda t: t["server"].update(submitter=12), "server, stakers: account 12"),
        (lambda t: t["server"].update(submitter=40), "bridge: account 40"),
        (lambda t: t["tournament"].update(super_quorum=4), "super-quorum of 4"),
        (lambda t: t["tournament"].update(registry_fee_nmr="0"), "registry_fee_nmr 0"),
        (lambda t: t["operators"][1].update(port=28_601), "port 28601"),
        (lambda t: t["operators"][1].update(port=28_545), "port 28545"),
        (_template(kinds=["CORR", "SHARPE", "NONE"]), "score kinds are .*SHARPE"),
        (_template(clip_up="0.0000000000001"), "clip_up .* is finer than"),
        (_template(multipliers=["0.7500001", "0", "0"]), "multiplier .* is finer than"),
        (_template(threshold_nmr="0.0000000001"), "threshold_nmr .* is finer than"),
        (_template(kappa="0.0000001"), "kappa .* is finer than"),
        (_template(kappa="NaN"), r"template\.kappa: "),
        (_template(kappa="Infinity"), r"template\.kappa: "),
        (lambda t: t["tournament"]["vault"].update(nmr="1e-10"), "vault.* is finer than"),
        (lambda t: t["stakers"].update(nmr="0.00000000001"), "stakers.* is finer than"),
    ],
)
def test_load__wrong_declaration__says_what_and_where(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    path = _written(tmp_path, change)
    with pytest.raises(InputError, match=said) as info:
        load(path)
    assert str(path) in info.value.message


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.toml", b"[chain"),
        ("a.toml", b"\xff\xfe"),
        ("a.json", b"{"),
        ("a.json", b"[]"),
        ("a.json", b""),
        ("a.toml", b""),
    ],
)
def test_load__no_topology__names_the_file(tmp_path: Path, name: str, raw: bytes) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(InputError, match=name):
        load(tmp_path / name)


def test_load__missing_file__says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.toml: No such file"):
        load(tmp_path / "none.toml")


def test_moved__base_port__chain_operators_root_chain_and_the_server_behind() -> None:
    moved = load().moved(30_000)
    assert moved.chain.port == 30_000
    assert [o.port for o in moved.operators] == [30_001, 30_002, 30_003, 30_004]
    assert moved.root_rpc == "http://127.0.0.1:30005"
    assert moved.required_server().url == "http://127.0.0.1:30040"
    assert moved.moved(load().chain.port).chain == load().chain


@pytest.mark.parametrize("base", [-5, 0, 1023, 65_496, 70_000])
def test_moved__ports_that_do_not_exist__refused(base: int) -> None:
    with pytest.raises(InputError, match=r"port"):
        load().moved(base)


def test_moved__highest_ports__fit() -> None:
    assert load().moved(65_495).required_server().port == 65_535
    without = load().model_copy(update={"server": None})
    assert without.moved(65_530).required_root().port == 65_535
    assert load().on_one_chain().moved(65_531).operators[-1].port == 65_535


def test_on_one_chain__root_asked_for__says_what_to_declare(tmp_path: Path) -> None:
    one = load().on_one_chain()
    with pytest.raises(InputError, match="has one chain only") as info:
        one.required_root()
    assert "[root]" in info.value.fix
    path = tmp_path / "one.json"
    path.write_text(one.model_dump_json())
    assert load(path) == one


def test_server__left_out__there_is_none(tmp_path: Path) -> None:
    path = _written(tmp_path, lambda t: t.pop("server"))
    assert load(path).server is load().on_one_chain().server is None
    with pytest.raises(InputError, match="has no tournament server") as info:
        load(path).required_server()
    assert "[server]" in info.value.fix


def test_roles__both_chains_and_one__commands_come_from_the_root_chain_if_there_is_one() -> None:
    token, vault = (dev_account(index).address for index in (50, 51))
    proposer = dev_account(7).address
    two, one = load().roles(), load().on_one_chain().roles(token, vault)
    assert (two.token, two.burn_vault) == (None, None)  # those of the bridge
    assert two.tunnel is not None
    assert (two.tunnel.governor, two.timelock.proposer) == (proposer, proposer)
    assert (one.token, one.burn_vault, one.tunnel) == (token, vault, None)


decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**9)


@given(decimals, st.sampled_from([10**6, 10**9, 10**12]))
def test_exact__any_decimal__exact_or_refused(value: Decimal, scale: int) -> None:
    product = Fraction(value) * scale
    if product.denominator == 1:
        assert exact(value, scale, "it") == product
    else:
        with pytest.raises(InputError, match=f"it .* is finer than 1/{scale}"):
            exact(value, scale, "it")


@pytest.mark.parametrize(
    "text", ["1.0000000000000000000000000001", "12345678901234567890.1234567891", "NaN", "Infinity"]
)
def test_exact__beyond_the_decimal_context__refused_not_rounded(text: str) -> None:
    with pytest.raises(InputError, match="finer than"):
        exact(Decimal(text), 10**9, "it")


def test_exact__more_digits_than_the_decimal_context__exact() -> None:
    value = Decimal("123456789012345678901234.123456789")
    assert exact(value, 10**9, "it") == 123456789012345678901234123456789


@pytest.mark.parametrize(
    ("count", "signatures", "super_quorum"),
    [(3, 2, 0), (4, 3, 0), (5, 3, 4), (6, 4, 5), (7, 4, 5), (15, 8, 9), (16, 9, 10)],
)
def test_with_operators__any_number__a_quorum_that_the_contract_takes(
    tmp_path: Path, count: int, signatures: int, super_quorum: int
) -> None:
    made = load().with_operators(count).moved(30_000)
    assert len(made.operators) == count
    assert made.tournament.signatures == signatures
    assert made.tournament.super_quorum == super_quorum
    path = tmp_path / "topology.json"
    path.write_text(made.model_dump_json())
    assert load(path) == made  # no account or port stands twice


def test_with_operators__stakers_before_the_validators__their_accounts_are_passed_over(
    tmp_path: Path,
) -> None:
    path = _written(tmp_path, lambda t: t["stakers"].update(first_account=33))
    made = load(path).with_operators(8)
    assert [o.account for o in made.operators] == [2, 3, 4, 5, 39, 44, 45, 46]


def test_urls__topology_and_operator__its_own_addresses_go_first(tmp_path: Path) -> None:
    def change(value: dict[str, Any]) -> None:
        value["chain"]["rpc"] = ["http://second:1"]
        value["operators"][1]["rpc"] = ["http://proxy:2", "http://proxy:3"]

    topology = load(_written(tmp_path, change))
    first, second, *_ = topology.operators
    assert topology.urls(first) == (topology.rpc, "http://second:1")
    assert topology.urls(second) == ("http://proxy:2", "http://proxy:3")
