"""The data set that predictions are held against: the newest of those that are published."""

import re
from pathlib import Path
from typing import Final

from oracle.datasets.dataset import FEATURES_FILE, split_file

_NEEDED: Final = (FEATURES_FILE, split_file("validation"))
_DIGITS = re.compile(r"\d+")


def validation_data(folder: Path | None) -> Path | None:
    """A folder with a validation split: ``folder`` itself, or of those right below it the one with
    the highest number in its name (``v10.0`` after ``v9.2``); None where there is none."""
    if folder is None or not folder.is_dir():
        return None
    below = [one for one in folder.iterdir() if one.is_dir() and not one.name.startswith(".")]
    found = [one for one in below if _is_data(one)]
    if found:
        return max(found, key=lambda one: (_numbers(one.name), one.name))
    return folder if _is_data(folder) else None


def _is_data(folder: Path) -> bool:
    return all((folder / name).is_file() for name in _NEEDED)


def _numbers(name: str) -> list[int]:
    return [int(digits) for digits in _DIGITS.findall(name)]
