"""Files to and from the server, as Numerai's clients send and get them."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from oracle.participant.client import Client, refusal

Progress = Callable[[int, int], None]
"""Called with bytes sent, and bytes in all."""
_PIECE: Final = 2**16

UPLOAD: Final = """
    query($filename: String!, $tournament: Int!, $modelId: String) {
        submission_upload_auth(filename: $filename, tournament: $tournament, modelId: $modelId) {
            filename
            url
        }
    }
"""
CREATE: Final = """
    mutation($filename: String!, $tournament: Int!, $modelId: String) {
        create_submission(filename: $filename, tournament: $tournament, modelId: $modelId) {
            id
        }
    }
"""
DATASETS: Final = "query($round: Int) { listDatasets(round: $round) }"
DATASET: Final = """
    query($filename: String!, $round: Int) { dataset(filename: $filename, round: $round) }
"""


def upload(
    client: Client,
    tournament: int,
    model: str,
    filename: str,
    raw: bytes,
    progress: Progress | None = None,
) -> str:
    """Submits ``raw`` for the model with this UUID; the submission's id.

    Raises ``InputError`` for a file that the rules refuse, ``RefusedError`` where it is not taken
    for another reason.
    """
    named: dict[str, Any] = {"tournament": tournament, "modelId": model}
    place = client.graphql(UPLOAD, filename=filename, **named)["submission_upload_auth"]
    put(client, place["url"], raw, progress)
    made = client.graphql(CREATE, filename=place["filename"], **named)["create_submission"]
    return str(made["id"])


def put(client: Client, url: str, raw: bytes, progress: Progress | None = None) -> None:
    """Puts a file to a signed address."""
    headers = {"Content-Length": str(len(raw))}
    answer = client.send("PUT", url, content=_pieces(raw, progress), headers=headers)
    if not answer.is_success:
        raise refusal(answer.status_code, _body(answer), answer.url.host)


def download(client: Client, filename: str, number: int | None = None) -> bytes:
    """A published file of a round, by default of the current one."""
    url = client.graphql(DATASET, filename=filename, round=number)["dataset"]
    answer = client.send("GET", url)
    if not answer.is_success:
        raise refusal(answer.status_code, _body(answer), answer.url.host)
    return answer.content


def _pieces(raw: bytes, progress: Progress | None) -> Iterator[bytes]:
    for start in range(0, len(raw), _PIECE):
        yield raw[start : start + _PIECE]
        if progress is not None:
            progress(min(start + _PIECE, len(raw)), len(raw))


def _body(answer: Any) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
