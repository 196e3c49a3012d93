"""The process that reads one uploaded file: ``python -P -m oracle.examining.child``.

Given are a folder and bounds. In the folder are the file and, as ``data set``, the data that it is
held against; left in it is ``result.json``, or with exit code 3 ``error.json``. It ends when its
standard input does, which is when its parent has, however that ended.
"""

import json
import os
import resource
import sys
import threading
from pathlib import Path
from typing import Final

from oracle.audit.diagnose import diagnose
from oracle.audit.predictions import read_predictions
from oracle.audit.telling import report_json
from oracle.datasets.dataset import Dataset
from oracle.datasets.files import open_dataset
from oracle.errors import AssayError, Exit, InputError

DATA, RESULT, ERROR = "data set", "result.json", "error.json"
MOST_WRITTEN: Final = 2**28
_NICER: Final = 10


def main(folder: str, filename: str, features: str, memory: str) -> int:
    """Exit code. Names are relative throughout, so that no error names the server's folders."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    os.chdir(folder)
    os.nice(_NICER)
    _bound(resource.RLIMIT_DATA, int(memory))
    _bound(resource.RLIMIT_FSIZE, MOST_WRITTEN)
    try:
        dataset = open_dataset(Path(DATA))
        predictions = read_predictions(Path(filename))
        report = diagnose(dataset, [predictions], _features(dataset, features), dataset.targets[0])
        Path(RESULT).write_text(json.dumps(report_json(report), allow_nan=False))
    except (AssayError, MemoryError) as error:
        told = _too_large(filename) if _lacks_memory(error) else error
        assert isinstance(told, AssayError)
        Path(ERROR).write_text(json.dumps({"message": told.message, "fix": told.fix}))
        return Exit.INPUT
    return Exit.OK


def _lacks_memory(error: BaseException | None) -> bool:
    """Whether memory was what was missing, also behind an error about a file."""
    return error is not None and (
        isinstance(error, MemoryError) or _lacks_memory(error.__context__)
    )


def _too_large(filename: str) -> InputError:
    return InputError(
        f"{filename}: examining it takes more memory than it may have here",
        "send id, era and prediction only, of the validation rows only",
    )


def _features(dataset: Dataset, wanted: str) -> str:
    """The wanted feature set; where the data have none of this name, all."""
    return wanted if wanted in dataset.feature_sets else "all"


def _bound(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    known = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (known, known))


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(Exit.TERMINATED)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
