"""Writes the contracts' ABIs, which travel in the Python package, from their sources.

    python scripts/abi.py            writes oracle/chain/abi/*.json
    python scripts/abi.py --check    writes nothing; exit code 1 and a list where they differ

Needs the ``vyper`` package (extra ``contracts``); the package itself reads only the JSON.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "oracle" / "chain" / "abi"
FOLDERS = ("contracts/devnet", "contracts/ethereum", "contracts/polygon")


def compile_abi(path: Path) -> list[dict[str, Any]]:
    """The contract's ABI: constructor, functions, events, each kind by name."""
    from vyper.compiler import CompilerData
    from vyper.compiler.input_bundle import FilesystemInputBundle

    bundle = FilesystemInputBundle([ROOT])
    data = CompilerData(bundle.load_file(path), input_bundle=bundle)
    # As the compiler's own ABI output, which generates code first and takes ten times as long.
    module = data.annotated_vyper_module._metadata["type"]
    abi = module.interface.to_toplevel_abi_dict()
    if module.init_function is not None:
        abi += module.init_function.to_toplevel_abi_dict()
    return sorted(abi, key=lambda entry: (entry["type"], entry.get("name", "")))


def rendered() -> dict[Path, str]:
    """File contents by target path."""
    return {
        TARGET / f"{source.stem}.json": json.dumps(compile_abi(source), indent=1) + "\n"
        for folder in FOLDERS
        for source in sorted((ROOT / folder).glob("*.vy"))
    }


def stale(files: dict[Path, str]) -> list[Path]:
    """Targets that are missing or differ, and JSON files that no contract stands behind."""
    differing = [p for p, text in files.items() if not p.exists() or p.read_text() != text]
    return differing + [p for p in sorted(TARGET.glob("*.json")) if p not in files]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only report differences")
    check = parser.parse_args().check
    try:
        files = rendered()
    except ImportError:
        print("abi: the vyper package is missing; install the extra 'contracts'", file=sys.stderr)
        return 2
    if check:
        for path in stale(files):
            print(f"abi: {path.relative_to(ROOT)} is stale; run scripts/abi.py", file=sys.stderr)
        return 1 if stale(files) else 0
    TARGET.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        partial = path.with_suffix(".partial")
        partial.write_text(text)
        partial.replace(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
