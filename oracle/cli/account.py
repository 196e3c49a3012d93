"""``assay account``: signing in to a tournament server from a terminal, and API tokens."""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from oracle.accounts.caller import Scope
from oracle.chain.keys import dev_account, load_keystore
from oracle.chain.pool import PoolWriter
from oracle.chain.signing import LocalSigner, Signer
from oracle.cli.options import key_options, with_writer
from oracle.cli.output import Output, with_output
from oracle.cli.server_options import need_token, with_server, with_signing_server
from oracle.devnet.topology import REAL_CHAINS
from oracle.errors import EnvironmentLacksError, InputError, RefusedError

if TYPE_CHECKING:
    from oracle.participant.client import Client

_F = TypeVar("_F", bound=Callable[..., Any])


@click.group("account")
def command() -> None:
    """Sign in to a tournament server with a key, and make the token that other commands need.

    There are no passwords: the key of your wallet signs a message (EIP-4361), which costs nothing
    and moves nothing. A token does what its scopes say until it is revoked; it cannot make tokens,
    and never signs for you.
    """


def _with_session(function: _F) -> _F:
    """``--server`` and a key; hands the command a ``session``."""

    @with_signing_server
    @key_options
    @wraps(function)
    def wrapped(
        *args: Any,
        server: "Client",
        key: Path | None,
        password_file: Path | None,
        dev_account: int | None,
        **kwargs: Any,
    ) -> Any:
        from oracle.participant.signing_in import sign_in

        signer = _signer(server, key, password_file, dev_account)
        return function(*args, session=sign_in(server, signer), **kwargs)

    return wrapped  # type: ignore[return-value]


@command.command("sign-in")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    required=True,
    help="Where the new token is kept, for you alone; must not exist.",
)
@click.option("--name", default="assay", show_default=True, help="What the token is called.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([str(scope) for scope in Scope]),
    help="What it may do; may be given more than once.  [default: everything]",
)
@_with_session
@with_output
def sign_in_command(
    token_file: Path, name: str, scopes: tuple[str, ...], session: "Client", out: Output
) -> None:
    """Sign in with a key and keep a new API token in a file.

    \b
    Example:
      assay account sign-in --server https://server.example --key key.json \\
        --password-file password --token-file token
      assay models list --mine --server https://server.example --token-file token
    """
    from oracle.participant.signing_in import new_token

    descriptor = _new_file(token_file)
    try:
        token = new_token(session, name, scopes or [str(scope) for scope in Scope])
    except BaseException:
        os.close(descriptor)
        token_file.unlink(missing_ok=True)
        raise
    with os.fdopen(descriptor, "w") as file:
        file.write(token + "\n")
    account = session.get("/v1/account")
    public_id = token.partition("$")[0]
    out.say(f"signed in as {account['address']}; token {public_id} is in {token_file}")
    out.say(f"Use it with --token-file {token_file}.")
    out.result(
        {"address": account["address"], "public_id": public_id, "token_file": str(token_file)}
    )


@command.command("show")
@with_server
@with_output
def show(server: "Client", out: Output) -> None:
    """Show whose token it is, and that account's models."""
    account = need_token(server).get("/v1/account")
    models = server.get("/v1/account/models")
    out.say(f"{account['username'] or account['address']} ({account['address']})")
    out.table(
        "Models",
        (">tournament", ">number", "name", "=id"),
        [(one["tournament"], one["number"], one["name"], one["id"]) for one in models],
    )
    out.result({"account": account, "models": models})


@command.command("tokens")
@_with_session
@with_output
def tokens(session: "Client", out: Output) -> None:
    """List API tokens, without their secrets."""
    found = session.get("/v1/tokens")
    out.table(
        "Tokens",
        ("=public id", "name", "made", "used", "revoked", "scopes"),
        [
            (
                one["public_id"],
                one["name"],
                one["created_at"],
                one["used_at"] or "never",
                one["revoked_at"] or "no",
                ", ".join(one["scopes"]),
            )
            for one in found
        ],
    )
    out.result({"tokens": found})


@command.command("revoke")
@click.argument("public_id")
@_with_session
@with_output
def revoke(public_id: str, session: "Client", out: Output) -> None:
    """Revoke the API token PUBLIC_ID, at once and for good."""
    if not public_id.isalnum():
        raise InputError(
            f"{public_id[:40]!a} is no token's public id", "see `assay account tokens`"
        )
    session.delete(f"/v1/tokens/{public_id}")
    out.say(f"token {public_id} is revoked")
    out.result({"public_id": public_id})


@command.command("allow")
@click.option(
    "--rounds",
    type=click.IntRange(1, 1_000),
    default=365,
    show_default=True,
    help="For how many rounds, from the next one on.",
)
@with_signing_server
@with_writer
@with_output
def allow(rounds: int, server: "Client", writer: PoolWriter, out: Output) -> None:
    """Let the server sign submissions for all your models of this tournament, for some rounds.

    Predictions count by their model owner's signature, which Numerai's clients cannot give. The
    server's key can then send predictions in your name, and nothing else; it cannot be revoked, so
    choose few rounds. Without it use `assay submit` with a key of your own.
    """
    from oracle.participant.signing_in import sign_in
    from oracle.participant.words import allow_submissions
    from oracle.settlement.typed_data import Domain

    where, signer = writer.reader.addresses, writer.sender.signer
    session = sign_in(server, signer)
    domain = Domain(where.chain_id, where.pool)
    key = allow_submissions(session, where.tournament, domain, signer, rounds)
    out.say(f"{key.key} may sign submissions of rounds {key.first_round} to {key.last_round}")
    out.result({"key": key.key, "first_round": key.first_round, "last_round": key.last_round})


def _signer(
    server: "Client", key: Path | None, password_file: Path | None, dev: int | None
) -> Signer:
    """Signs in; development accounts, known to all, only where no real network is served."""
    if dev is not None:
        if REAL_CHAINS & set(server.get("/v1/sign-in")["chain_ids"]):
            raise RefusedError(
                "this server is of a real network, and these keys are known to all",
                "sign in with --key and --password-file",
            )
        return LocalSigner(dev_account(dev))
    if key is None or password_file is None:
        raise InputError(
            "no key to sign in with",
            "pass --key KEYSTORE --password-file FILE, or --dev-account N on a devnet",
        )
    return LocalSigner(load_keystore(key, password_file))


def _new_file(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(f"{path} is there already", "name another --token-file") from None
    except OSError as error:
        raise EnvironmentLacksError(f"cannot write {path}: {error.strerror}") from None
