"""Files of any size to the server, and what becomes of them."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal
from uuid import UUID

from oracle.errors import InputError
from oracle.participant.client import Client, refusal
from oracle.participant.files import Progress

_PIECE: Final = 2**18
_POLL_SECONDS: Final = 0.5
Purpose = Literal["submission", "diagnostics"]


def find_model(client: Client, named: str, tournament: int | None = None) -> Mapping[str, Any]:
    """The model with this UUID, or of the client's own models the one with this name or number.

    Raises ``InputError`` where there is none, or several.
    """
    if is_uuid(named):
        found: Mapping[str, Any] = client.get(f"/v1/models/{named.lower()}")
        return found
    mine = own_models(client, tournament)
    fitting = [one for one in mine if named in (one["name"], str(one["number"]))]
    exact = [one for one in fitting if one["name"] == named] or fitting
    if len(exact) != 1:
        what = "several models" if exact else "no model"
        raise InputError(
            f"{what} of yours {'are' if exact else 'is'} called {named[:64]!r}",
            "see `assay models list --mine`, and name one by its id",
        )
    one: Mapping[str, Any] = exact[0]
    return one


def own_models(client: Client, tournament: int | None = None) -> list[Mapping[str, Any]]:
    """The client's models, of one tournament or of all."""
    found = client.get("/v1/account/models")
    return [one for one in found if tournament in (None, one["tournament"])]


def submit(
    client: Client, model: str, file: Path, progress: Progress | None = None
) -> Mapping[str, Any]:
    """``file`` as a submission of the model with this UUID, for the open round.

    Raises ``InputError`` for a file that the rules refuse, ``RefusedError`` where it is not taken
    for another reason.
    """
    name = place(client, model, file, "submission", progress)
    made: Mapping[str, Any] = client.post(f"/v1/models/{model}/submissions", {"filename": name})
    return made


def examine(
    client: Client,
    model: str,
    file: Path,
    progress: Progress | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> Mapping[str, Any]:
    """What the server found out about predictions for the past; returns when it has.

    Raises ``InputError`` with the server's words where they cannot be examined.
    """
    name = place(client, model, file, "diagnostics", progress)
    made = client.post(f"/v1/models/{model}/diagnostics", {"filename": name})
    while made["status"] == "pending":
        waiting()
        time.sleep(_POLL_SECONDS)
        made = client.get(f"/v1/diagnostics/{made['id']}")
    if made["status"] != "done":
        raise InputError(made["message"])
    found: Mapping[str, Any] = made
    return found


def place(
    client: Client, model: str, file: Path, purpose: Purpose, progress: Progress | None = None
) -> str:
    """Puts a file where the server says; the name under which it knows it."""
    try:
        size = file.stat().st_size
        with file.open("rb"):
            pass
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from None
    wish = {"filename": file.name, "purpose": purpose}
    made = client.post(f"/v1/models/{model}/uploads", wish)
    headers = {"Content-Length": str(size)}
    answer = client.send("PUT", made["url"], content=_pieces(file, size, progress), headers=headers)
    if not answer.is_success:
        raise refusal(answer.status_code, _body(answer), answer.url.host)
    return str(made["filename"])


def _pieces(file: Path, size: int, progress: Progress | None) -> Iterator[bytes]:
    sent = 0
    with file.open("rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece
            sent += len(piece)
            if progress is not None:
                progress(sent, size)


def is_uuid(text: str) -> bool:
    """Whether ``text`` is the id that servers give a model."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _body(answer: Any) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
