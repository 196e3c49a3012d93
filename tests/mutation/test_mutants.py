"""What the mutation check changes in a contract, and which tests it asks first."""

from pathlib import Path

import pytest
from mutants import ASSERTION, BOUNDARY, Mutant, mutants
from suites import Suite

ROOT = Path(__file__).resolve().parents[2]

SOURCE = '''# pragma version 0.4.3
"""
@notice An assert here, and 1 < 2, is text.
"""

A: constant(uint256) = 1 << 8

@external
def f(a: uint256, b: uint256) -> uint256:
    # assert a comment, a > b
    assert a <= b, "part: too large"
    assert (
        a != max(b, 7)  # a comma, and > in a comment
        and [a, b] != [3, 4]
    ), "part: bad, or worse"
    assert extcall IERC20(TOKEN).transfer(msg.sender, a), "part: transfer failed"
    assert b > 0
    if a >= b >> 1:
        return a
    return b
'''


def found(kind: str) -> list[Mutant]:
    return mutants("F.vy", SOURCE, [kind])


def test_assertions__all_forms__found_with_line_and_reason() -> None:
    assert [(mutant.line, mutant.reason) for mutant in found(ASSERTION)] == [
        (11, "part: too large"),
        (12, "part: bad, or worse"),
        (16, "part: transfer failed"),
        (17, ""),
    ]


def test_assertion__mutated__runs_its_condition_and_never_fails() -> None:
    changed = [mutant.apply(SOURCE) for mutant in found(ASSERTION)]
    assert 'assert (a <= b) or True, "part: too large"\n' in changed[0]
    call = "extcall IERC20(TOKEN).transfer(msg.sender, a)"
    assert f'assert ({call}) or True, "part: transfer failed"\n' in changed[2]
    assert "assert (b > 0) or True\n" in changed[3]


def test_assertion__several_lines__keeps_its_lines_and_the_rest() -> None:
    changed = found(ASSERTION)[1].apply(SOURCE)
    assert changed.count("\n") == SOURCE.count("\n")
    assert ') or True, "part: bad, or worse"\n' in changed
    assert changed.replace(") or True,", ",").replace("assert ((", "assert (") == SOURCE


def test_boundaries__comparisons_only__flipped() -> None:
    assert [(mutant.line, mutant.replacement, mutant.reason) for mutant in found(BOUNDARY)] == [
        (11, "<", "part: too large"),
        (17, ">=", ""),
        (18, ">", ""),
    ]
    assert "    if a > b >> 1:\n" in found(BOUNDARY)[2].apply(SOURCE)


@pytest.mark.parametrize("folder", ["ethereum", "polygon", "modules"])
def test_contracts__every_assert_word_in_code__is_a_mutant(folder: str) -> None:
    paths = sorted((ROOT / "contracts" / folder).glob("*.vy"))
    assert paths
    for path in paths:
        source = path.read_text()
        begun = [
            number
            for number, line in enumerate(source.splitlines(), 1)
            if line.startswith("    ") and line.lstrip().startswith("assert ")
        ]
        assert [mutant.line for mutant in mutants(path.name, source, [ASSERTION])] == begun


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    (tmp_path / "test_pool_a.py").write_text(
        "def test_x():\n    pass\n\n\n"
        '@pytest.mark.parametrize("reason", ["part: too large"])\ndef test_y(reason):\n    pass\n'
    )
    (tmp_path / "test_oracle_b.py").write_text('class TestB:\n    z = "part: too large"\n')
    (tmp_path / "test_pool_machine.py").write_text("from hypothesis import given\n")
    return Suite(tmp_path)


def test_likely__function_with_the_reason__named(suite: Suite) -> None:
    assert suite.likely("part: too large") == ["test_oracle_b.py::TestB", "test_pool_a.py::test_y"]
    assert suite.likely("part: unheard of") == []
    assert suite.likely("") == []


def test_order__reason_then_contract_then_rest__long_ones_last(suite: Suite) -> None:
    order = ["test_pool_a.py", "test_oracle_b.py", "test_pool_machine.py"]
    assert suite.order("", {"pool"}) == order
    assert suite.order("part: too large", {"oracle"}) == [order[1], order[0], order[2]]


def test_reaching__named_in_it_or_in_what_it_imports__those_files_alone(tmp_path: Path) -> None:
    (tmp_path / "vault_world.py").write_text("import deep\n")
    (tmp_path / "deep.py").write_text('PATH = "contracts/ethereum/Vault.vy"\n')
    (tmp_path / "test_vault.py").write_text("from vault_world import World\n")
    (tmp_path / "test_named.py").write_text('compiled("contracts/ethereum/Vault.vy")\n')
    (tmp_path / "test_other.py").write_text("Vaults = 1\n")
    suite = Suite(tmp_path)
    assert suite.reaching({"Vault", "Pool"}) == {"test_vault.py", "test_named.py"}
    assert suite.reaching({"Pool"}) == set()


def test_reaching__named_in_the_conftest__all_files(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from system import deploy\n")
    (tmp_path / "system.py").write_text('"Pool"\n')
    (tmp_path / "test_any.py").write_text("")
    assert Suite(tmp_path).reaching({"Pool"}) == {"test_any.py"}
