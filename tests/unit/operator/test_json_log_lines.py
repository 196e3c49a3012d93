"""Whatever logs in the daemon, its lines are JSON: the outbox's and the web server's too."""

import json
import subprocess
import sys

_PROGRAM = """
import logging
from fastapi import FastAPI
from oracle.operator.logs import configure
from oracle.operator.server import settings
configure()
settings(FastAPI())  # as the daemon does, after that
from oracle.chain import endpoints, index, sending_account, upkeep
from oracle.store import sole
call = "settle"
upkeep._log.warning("the block that held %s is gone; it waits for another", call)
sending_account._log.info("sent %s, nonce %d, 0x%s: %s", call, 3, "ab", "taken")
for module in (endpoints, index, sole):
    module._log.warning("%s", module.__name__)
logging.getLogger("uvicorn.error").error("no such file: %s", "x")
logging.getLogger("asyncio").error("never awaited")
try:
    raise ValueError("told")
except ValueError:
    upkeep._log.exception("a bug")
"""


def test_log__everything_that_logs_in_the_daemon__one_json_line_each() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True)
    assert done.stderr == ""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [
        ("warning", "the block that held settle is gone; it waits for another"),
        ("info", "sent settle, nonce 3, 0xab: taken"),
        ("warning", "oracle.chain.endpoints"),
        ("warning", "oracle.chain.index"),
        ("warning", "oracle.store.sole"),
        ("error", "no such file: x"),
        ("error", "never awaited"),
        ("error", "a bug"),
    ]
    assert "ValueError: told" in lines[-1]["exception"]
    assert all("timestamp" in line for line in lines)
