"""A log that cannot be written ends nothing: the disk that is full may be the log's as well."""

import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import logging, sys
import structlog
from oracle.operator.logs import configure
configure()
structlog.get_logger("operator").warning("cycle", error="its disk is full")
logging.getLogger("assay.chain").warning("endpoint outvoted")
sys.stderr.write("went on")
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_log__its_disk_is_full__the_operator_goes_on():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.stderr == "went on", done.stderr


def test_log__disk_has_space__one_json_line_for_each_message():
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True)
    first, second = done.stdout.splitlines()
    assert '"error": "its disk is full"' in first
    assert '"level": "warning"' in first
    assert '"event": "endpoint outvoted"' in second
    assert '"level": "warning"' in second


def test_log__standard_output_is_closed__lines_go_into_no_other_file(tmp_path: Path) -> None:
    first, other = tmp_path / "log", tmp_path / "other"
    program = f"""
import sys
import structlog
from oracle.operator.logs import configure
sys.stdout = open({str(first)!r}, "w")
configure()
number = sys.stdout.fileno()
sys.stdout.close()
with open({str(other)!r}, "w") as file:
    assert file.fileno() == number
    structlog.get_logger("operator").warning("cycle")
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert other.read_text() == ""
    assert "cycle" in first.read_text()
