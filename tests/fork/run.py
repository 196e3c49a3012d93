"""``make fork``: the tests of this folder, through Ape, on forks of Ethereum and Polygon.

    make fork                                  forks of two chains that run here
    make fork ARGS="--bridge FILE"             forks of the real networks of a bridge's record
    make fork ARGS="-- -k sweep"               what stands behind -- is for pytest

Real networks are asked by the addresses in ETHEREUM_MAINNET_RPC and POLYGON_MAINNET_RPC, or, for a
record of test networks, ETHEREUM_SEPOLIA_RPC and POLYGON_AMOY_RPC. Nothing is sent to them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from fork_base import CHILD_HOST, FILE, HOST, NETWORKS, Base, address, local_base, real_base
from local_machine import free_base_port

from oracle.chain.rpc import readable
from oracle.devnet.fork import forked
from oracle.devnet.launch import anvil_path, ape_path
from oracle.errors import AssayError, InputError
from oracle.settings import project_root

TESTS = Path(__file__).parent
ROOT = project_root()
# Ape's plugin for pytest in place of titanoboa's; no xdist, since there is one pair of forks.
PYTEST = "--strict-markers --strict-config -ra -p no:boa_test -p no:xdist -p no:cacheprovider"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bridge", type=Path, help="a bridge's record: fork its real networks")
    parser.add_argument(
        "--withdrawal", help="a withdrawal on the child network, in a checkpoint and not exited"
    )
    parser.add_argument("pytest", nargs="*", help="options of pytest, behind --")
    options = parser.parse_args()
    try:
        anvil, ape = anvil_path(), ape_path()
        with _base(options.bridge, options.withdrawal) as base:
            _try(base)
            return _test(base, anvil, ape, options.pytest)
    except AssayError as error:
        print("error: " + "; ".join(filter(None, (error.message, error.fix))), file=sys.stderr)
        return int(error.exit_code)


def _base(bridge: Path | None, withdrawal: str | None) -> AbstractContextManager[Base]:
    if bridge:
        with readable("an endpoint"):
            return nullcontext(real_base(bridge, withdrawal, os.environ))
    if withdrawal:
        raise InputError("--withdrawal is of a real network", "name its record with --bridge")
    return local_base()


def _try(base: Base) -> None:
    """Forks both chains once without Ape, whose error would not say what is wrong with them."""
    for rpc in (base.root_rpc, base.child_rpc):
        with forked(rpc):
            pass


def _test(base: Base, anvil: Path, ape: Path, arguments: Sequence[str]) -> int:
    """Runs Ape; its exit code, which is pytest's."""
    root, child = (NETWORKS[side.chain_id] for side in (base.record.root, base.record.child))
    where = "which run here" if base.local else f"the networks of {base.record.name}"
    print(f"forks of {root} and {child}, {where}", flush=True)
    with tempfile.TemporaryDirectory(prefix="assay-fork-") as folder:
        file, log = Path(folder) / "base.json", Path(folder) / "anvil.log"
        file.write_text(base.model_dump_json(by_alias=True))
        log.touch()
        port = free_base_port()
        environment = os.environ | base.variables | _places(ape)
        environment |= {FILE: str(file), "FORK_ANVIL": str(anvil), "FORK_LOG": str(log)}
        environment |= {HOST: address(port), CHILD_HOST: address(port + 1)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # else Ape starts seconds later
        command = [str(ape), "test", str(TESTS), "--network", f"{root}-fork:foundry"]
        command += ["--disable-isolation", "--show-internal", "-o", f"addopts={PYTEST}"]
        code = subprocess.run([*command, *arguments], cwd=ROOT, env=environment).returncode
        if code and (said := log.read_text(errors="replace").strip()):
            print(f"anvil said: {base.without_secrets(said)}", file=sys.stderr)
        return code


def _places(ape: Path) -> dict[str, str]:
    """Where Ape looks for programs, packages and its own files."""
    path = [str(TESTS / "bin"), str(ape.parent), os.environ.get("PATH", "")]
    return {
        "PATH": os.pathsep.join(path),
        "PYTHONPATH": str(ROOT),
        "APE_DATA_FOLDER": str(ROOT / ".ape"),
    }


if __name__ == "__main__":
    sys.exit(main())
