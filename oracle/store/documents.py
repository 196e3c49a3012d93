"""Files of one pydantic model: JSON, written in one step, and TOML, which people write.

Both are read with an error that says where.
"""

import json
import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from oracle.errors import InputError
from oracle.store.artefacts import write_file

_Model = TypeVar("_Model", bound=BaseModel)


def save_document(path: Path, document: BaseModel) -> None:
    """Replaces the file in one step."""
    text = json.dumps(document.model_dump(by_alias=True, mode="json"), indent=1)
    try:
        write_file(path, text.encode() + b"\n")
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror}", "name a file you may write"
        ) from None


def load_document(path: Path, kind: type[_Model], what: str, fix: str = "") -> _Model:
    """The document in ``path``; the error for one that is not ``what`` is followed by ``fix``."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except ValidationError as error:
        raise InputError(f"{path} is not {what}: {_said(error)}", fix) from None


def load_configuration(path: Path, kind: type[_Model]) -> _Model:
    """The configuration (TOML) in ``path``; an error names the field and what is wrong with it."""
    try:
        return kind.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None
    except ValidationError as error:
        raise InputError(f"{path}: {_first(error)}") from None


def _said(error: ValidationError) -> str:
    """The first thing that is wrong; of what is missing, everything."""
    found = error.errors()
    missing = [_where(part["loc"]) for part in found if part["type"] == "missing"]
    if missing:
        return f"{', '.join(missing)}: Field required"
    return _first(error)


def _first(error: ValidationError) -> str:
    first = error.errors(include_input=False)[0]
    where = _where(first["loc"])
    return f"{where + ': ' if where else ''}{first['msg']}"


def _where(place: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in place)
