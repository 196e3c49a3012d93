"""Hypothesis profiles: ``ci`` is the default, HYPOTHESIS_PROFILE=deep is for long runs.

State machines take the profile of the same name with ``-machine``: fewer runs of more steps.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

_common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", max_examples=60, stateful_step_count=30, **_common)
settings.register_profile("ci-machine", max_examples=40, stateful_step_count=30, **_common)
settings.register_profile("deep", max_examples=10_000, stateful_step_count=100, **_common)
settings.register_profile("deep-machine", max_examples=200, stateful_step_count=500, **_common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """State machines are marked as Hypothesis marks tests that draw examples: `make fuzz`."""
    for item in items:
        if item.path.stem.endswith("_machine"):
            item.add_marker(pytest.mark.hypothesis)
