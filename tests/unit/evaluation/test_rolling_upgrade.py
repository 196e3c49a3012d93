"""Operators of different releases must come to the same bytes, or an upgrade would stop rounds."""

import sys

import pytest
from synthetic_round import inputs, read

import oracle
import oracle.cli
import oracle.operator.run
from oracle.evaluation.evaluate import Evaluation, evaluate
from oracle.settlement.typed_data import Domain, digest

DOMAIN = Domain(731371, "0x" + "22" * 20)


def evaluated(version: str, monkeypatch: pytest.MonkeyPatch) -> Evaluation:
    """The same round's result by an operator of this release."""
    known = [module for name, module in sys.modules.items() if name.split(".")[0] == "oracle"]
    holding = [module for module in known if hasattr(module, "__version__")]
    assert oracle in holding
    assert oracle.cli in holding
    for module in holding:
        monkeypatch.setattr(module, "__version__", version)
    return evaluate(inputs(), read)


def test_evaluate__two_releases__same_files_and_the_same_digest_to_sign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = evaluated("0.1.0", monkeypatch), evaluated("0.2.0", monkeypatch)
    assert old.manifest.to_bytes() == new.manifest.to_bytes()
    assert old.files == new.files
    assert digest(old.commit, DOMAIN) == digest(new.commit, DOMAIN)


@pytest.mark.parametrize("version", ["0.1.0", "9.8.7-rc1"])
def test_evaluate__any_release__its_name_is_in_none_of_the_files(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = evaluated(version, monkeypatch)
    everything = b"".join([result.manifest.to_bytes(), *result.files.values()])
    assert version.encode() not in everything
