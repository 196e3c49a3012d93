"""Specifications are found by name and by hash, and only those that are known."""

import pytest
from eth_utils import keccak

from oracle.settlement.specs import NEWEST, SPECS, Disclosure, spec_of
from oracle.settlement.typed_data import SPEC_HASH


@pytest.mark.parametrize("name", SPECS)
def test_spec_of__hash_of_a_known_name__that_specification(name: str) -> None:
    assert spec_of(keccak(text=name)) is SPECS[name]
    assert SPECS[name].hash == keccak(text=name)


def test_specs__disclosures__each_as_its_name_says() -> None:
    assert {name: spec.disclosure for name, spec in SPECS.items()} == {
        "assay/scoring/1": Disclosure.OPEN,
        "assay/scoring/1/verifiers": Disclosure.VERIFIERS,
        "assay/scoring/1/owner": Disclosure.OWNER,
        "assay/scoring/2": Disclosure.OPEN,
        "assay/scoring/2/verifiers": Disclosure.VERIFIERS,
        "assay/scoring/2/owner": Disclosure.OWNER,
    }
    assert all(int(name.split("/")[2]) == spec.version for name, spec in SPECS.items())
    assert SPECS[NEWEST].version == max(spec.version for spec in SPECS.values())
    assert SPECS[NEWEST].disclosure is Disclosure.OPEN
    assert spec_of(SPEC_HASH) is SPECS["assay/scoring/1"]


@pytest.mark.parametrize("unknown", [bytes(32), keccak(text="assay/scoring/3"), b""])
def test_spec_of__unknown__none(unknown: bytes) -> None:
    assert spec_of(unknown) is None
