"""The relayer as a process: ``python -m oracle.devnet.relayer_process CONFIG.json``.

Prints a line for every state sync and checkpoint, and for trouble, which it outlives.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from oracle.bridge.record import load_bridge
from oracle.chain.rpc import connect, readable
from oracle.devnet.bridge_settings import BridgeSettings
from oracle.devnet.profile import Part, read
from oracle.devnet.relayer import Relayer
from oracle.errors import AssayError, EnvironmentLacksError

_PATIENCE_SECONDS = 1.0


class RelayerConfig(Part):
    """What the process needs: RPC addresses of both chains, the bridge's record, its settings."""

    root: str
    child: str
    record: Path
    settings: BridgeSettings = BridgeSettings()


def run(config: RelayerConfig) -> None:
    """Goes on until the process is ended; raises if a loop broke.

    State syncs and checkpoints have a loop each: a checkpoint that waits for the root chain's next
    block holds no deposit up.
    """
    loops = [
        threading.Thread(target=_loop, args=(_relayer(config), config, work), daemon=True)
        for work in (_sync, _checkpoint)
    ]
    _say(root=config.root, child=config.child)
    for loop in loops:
        loop.start()
    while all(loop.is_alive() for loop in loops):
        time.sleep(_PATIENCE_SECONDS)
    raise EnvironmentLacksError("the relayer has a bug: see above")


def _relayer(config: RelayerConfig) -> Relayer:
    record = load_bridge(config.record)
    root = connect(config.root, record.root.chain_id)
    return Relayer(root, connect(config.child, record.child.chain_id), record, config.settings)


def _loop(relayer: Relayer, config: RelayerConfig, work: Callable[[Relayer], float]) -> None:
    """Works, waits as long as the work says, works again."""
    said = ""
    while True:
        try:
            with readable(config.root):
                pause = work(relayer)
            said = ""
        except AssayError as error:
            if error.message != said:
                _say(trouble=error.message)
            said, pause = error.message, _PATIENCE_SECONDS
        time.sleep(pause)


def _sync(relayer: Relayer) -> float:
    for each in relayer.sync():
        _say(sync=each.id, ok=each.ok, gas=each.gas, block=each.block)
    return relayer.settings.poll


def _checkpoint(relayer: Relayer) -> float:
    made = relayer.checkpoint()
    if made is not None:
        _say(checkpoint=made.id, start=made.start, end=made.end)
    return relayer.settings.checkpoint_every


def _say(**fields: object) -> None:
    print(json.dumps({"time": round(time.time(), 3), **fields}), flush=True)


def main() -> int:
    try:
        run(read(Path(sys.argv[1]), RelayerConfig))
    except AssayError as error:
        print(error.message, file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
