"""Options of commands that ask a tournament server."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from oracle.cli.output import Output
from oracle.errors import InputError
from oracle.settings import Settings

if TYPE_CHECKING:
    from oracle.participant.client import Client
    from oracle.participant.files import Progress

_F = TypeVar("_F", bound=Callable[..., Any])
_TOKEN = re.compile(r"[!-#%-~]{1,100}\$[!-~]{1,200}")
_HOW = "make a token: assay account sign-in --token-file FILE"


def server_option(function: _F) -> _F:
    """``--server`` and ``--token-file``; hands the command a ``server``, None where none is named.

    The token comes from the file or from ``ASSAY_TOKEN``, never from the command line, which
    others on the machine can read.
    """
    return _with_client(function, required=False, tokens=True)


def with_server(function: _F) -> _F:
    """The same for commands that cannot do without."""
    return _with_client(function, required=True, tokens=True)


def with_signing_server(function: _F) -> _F:
    """``--server`` alone, for commands that sign in with a key."""
    return _with_client(function, required=True, tokens=False)


def _with_client(function: _F, *, required: bool, tokens: bool) -> _F:
    usual = "" if required else "  [default: without a server]"

    @click.option(
        "--server",
        help=f"Address of a tournament server, https://...  [env: ASSAY_SERVER]{usual}",
    )
    @wraps(function)
    def wrapped(*args: Any, server: str | None, **kwargs: Any) -> Any:
        token_file = kwargs.pop("token_file") if tokens else None
        client = open_server(server, token_file, tokens)
        if required and client is None:
            raise InputError("no server named", "pass --server URL, or set ASSAY_SERVER")
        return function(*args, server=client, **kwargs)

    if not tokens:
        return wrapped  # type: ignore[return-value]
    return click.option(
        "--token-file",
        type=click.Path(path_type=Path),
        help="File with an API token, from `assay account sign-in`.  [env: ASSAY_TOKEN, the token]",
    )(wrapped)  # type: ignore[return-value]


def open_server(url: str | None, token_file: Path | None, tokens: bool) -> "Client | None":
    """A client of the server that is named, with the token that is given; None without a name."""
    settings = Settings()
    url = url or settings.server
    if url is None:
        return None
    from oracle.participant.client import Client

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError("--server must be an address of HTTP", "as in https://server.example")
    client = Client(url)
    if not tokens:
        return client
    token = _read(token_file) if token_file else settings.token and settings.token.strip()
    return client.with_token(_checked(token)) if token else client


def need_token(client: "Client") -> "Client":
    """The client, if it has a token. Raises ``InputError``, which says how to get one."""
    if not client.authorization:
        raise InputError("this needs a token: pass --token-file, or set ASSAY_TOKEN", _HOW)
    return client


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise InputError(f"cannot read {path}: {reason}", _HOW) from None


def _checked(token: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise InputError("what was given as a token is none: PUBLIC_ID$SECRET", _HOW)
    return token


@contextmanager
def upload_progress(out: Output, name: str) -> Iterator["Progress"]:
    """A progress bar over bytes, for people at a terminal."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    shown = out.console.is_terminal and not out.as_json
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=out.console, transient=True, disable=not shown) as bar:
        task = bar.add_task(name, total=None)
        yield lambda sent, total: bar.update(task, completed=sent, total=total)
