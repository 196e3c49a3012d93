"""Who asks: the account, its models, its tokens, its money."""

import strawberry

from oracle.accounts.caller import Account as Row
from oracle.accounts.caller import Scope
from oracle.gateway.graphql.context import Context, Info
from oracle.gateway.graphql.scalars import Nmr, Time, amount
from oracle.gateway.graphql.submissions import Submission, mine
from oracle.gateway.services import Outside
from oracle.records.rows import ModelRow, Movement

_VERIFIED = "VERIFIED"
_CONFIRMED = "confirmed"


@strawberry.type
class V2Stake:
    """The last transaction about a model's stake."""

    status: str
    tx_hash: str | None


@strawberry.type
class AccountModel:
    row: strawberry.Private[ModelRow]
    id: strawberry.ID
    name: str
    tournament: int
    owner: str

    @strawberry.field
    async def submissions(self, info: Info) -> list[Submission]:
        """What you sent for it, the newest first."""
        info.context.require(Scope.READ_SUBMISSION_INFO)
        rows = await info.context.loaders.submissions.load(self.row)
        return mine(info.context, rows)

    @strawberry.field
    async def v2_stake(self, info: Info) -> V2Stake | None:
        last = await info.context.loaders.last_stake_change.load(self.row)
        if last is None:
            return None
        return V2Stake(status=last.status, tx_hash=last.transaction)


def account_model(row: ModelRow) -> AccountModel:
    return AccountModel(
        row=row,
        id=strawberry.ID(row.uuid),
        name=row.name,
        tournament=row.tournament,
        owner=row.owner,
    )


@strawberry.type
class ApiToken:
    name: str
    scopes: list[str]
    public_id: str = strawberry.field(name="public_id")


@strawberry.type
class WalletTxn:
    """NMR that went between the account's wallet and the pool."""

    amount: Nmr
    to: str
    status: str
    time: Time
    tournament: int
    tx_hash: str
    type: str
    from_: str = strawberry.field(name="from")


@strawberry.type
class Account:
    row: strawberry.Private[Row]
    id: strawberry.ID
    username: str
    wallet_address: str
    email: str | None
    mfa_enabled: bool
    status: str
    inserted_at: Time

    @strawberry.field
    async def available_nmr(self, info: Info) -> Nmr | None:
        """What the wallet holds on the chain of the tournaments."""
        context = info.context
        return amount(await context.outside(Outside.ASKING, context.doors.wallet, self.row.address))

    @strawberry.field
    async def models(self, info: Info) -> list[AccountModel]:
        """Models of all tournaments that the wallet owns."""
        context = info.context
        context.services.require_whole()
        rows = await context.call(context.services.models.of_owner, [self.row.address])
        return [account_model(row) for row in rows if context.doors.serves(row.tournament)]

    @strawberry.field
    async def api_tokens(self, info: Info) -> list[ApiToken]:
        context = info.context
        found = await context.call(context.services.accounts.tokens, self.row)
        return [
            ApiToken(name=token.name, public_id=token.public_id, scopes=sorted(token.scopes))
            for token in found
            if token.revoked_at is None
        ]

    @strawberry.field
    async def wallet_txns(self, info: Info) -> list[WalletTxn]:
        """The newest first."""
        context = info.context
        found = await context.call(context.doors.transfers, self.row.address)
        return [_transfer(row, context) for row in found]


def _transfer(row: Movement, context: Context) -> WalletTxn:
    pool = context.doors.pool(row.tournament)
    is_in = row.kind == "deposited"
    return WalletTxn(
        amount=Nmr(row.amount or 0),
        from_=row.account if is_in else pool,
        to=pool if is_in else row.account,
        status=_CONFIRMED,
        time=Time(row.time),
        tournament=row.tournament,
        tx_hash="0x" + row.transaction.hex(),
        type="deposit" if is_in else "withdrawal",
    )


@strawberry.type
class AccountQueries:
    @strawberry.field
    def account(self, info: Info) -> Account:
        row = info.context.require(Scope.READ_USER_INFO)
        return Account(
            row=row,
            id=strawberry.ID(row.id),
            username=row.name,
            wallet_address=row.address,
            email=row.email,
            mfa_enabled=False,
            status=_VERIFIED,
            inserted_at=Time(row.inserted_at),
        )

    @strawberry.field
    async def model(self, info: Info, model_id: str | None = None) -> AccountModel:
        """A model of yours."""
        return account_model(await info.context.own_model(Scope.READ_SUBMISSION_INFO, model_id))
