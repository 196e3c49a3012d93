"""Who makes a request, and what that one may do."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from oracle.errors import RefusedError


class Scope(StrEnum):
    """What a token may do."""

    UPLOAD_SUBMISSION = "upload_submission"
    DOWNLOAD_SUBMISSION = "download_submission"
    STAKE = "stake"
    WEB3_STAKING = "web3_staking"
    READ_SUBMISSION_INFO = "read_submission_info"
    READ_USER_INFO = "read_user_info"
    EDIT_PROFILE = "edit_profile"
    DELETE = "delete"


ALL: Final = frozenset(Scope)


class SignInError(RefusedError):
    """Nobody is signed in, or not by what was shown."""

    code = "not_signed_in"


class ScopeError(RefusedError):
    """The token may not do this."""

    code = "missing_scope"

    def __init__(self, scope: Scope) -> None:
        super().__init__(
            f"Insufficient permission for {scope}", f"make a token with the scope {scope}"
        )


@dataclass(frozen=True, slots=True)
class Account:
    """``address``: the checksummed wallet that signs in; it owns what it owns on chain."""

    id: str
    address: str
    username: str | None
    email: str | None
    inserted_at: int

    @property
    def name(self) -> str:
        return self.username or self.address


@dataclass(frozen=True, slots=True)
class Caller:
    """``account`` is None for who did not sign in; ``token`` the public id of the token used, None
    for a session, which may do everything."""

    account: Account | None = None
    scopes: frozenset[Scope] = frozenset()
    token: str | None = None

    def signed_in(self) -> Account:
        """Raises ``SignInError``."""
        if self.account is None:
            raise SignInError(
                "You must be authenticated to perform this action",
                "send the header Authorization: Token PUBLIC_ID$SECRET",
            )
        return self.account

    def require(self, scope: Scope) -> Account:
        """The account. Raises ``SignInError`` or ``ScopeError``."""
        account = self.signed_in()
        if scope not in self.scopes:
            raise ScopeError(scope)
        return account

    def owns(self, owner: str) -> bool:
        """Whether what ``owner`` has on chain is this caller's."""
        return self.account is not None and self.account.address.lower() == owner.lower()


NOBODY: Final = Caller()
