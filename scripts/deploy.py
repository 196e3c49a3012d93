"""Deploys tournaments: contracts that know each other as immutables, and a record of each.

A devnet's tournament, and with --fund its money:

    ape run deploy --network polygon:devnet:http://127.0.0.1:28545 --topology FILE --record FILE

Tournaments by profile, with one timelock for all of them, a record each in a folder:

    ape run deploy --network polygon:mainnet:node --profile deployments/profiles/classic.toml
      --profile deployments/profiles/crypto.toml --roles FILE --records FOLDER --account ALIAS

The same command goes on where an interrupted one stopped, and sends nothing when all is there.
--dry-run shows what would be done. How it works and how to check the result: docs/deployment.md.
"""

import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import click
from ape import accounts, networks, project
from ape.api import AccountAPI
from ape.cli import ConnectedProviderCommand
from web3 import Web3
from web3.exceptions import ContractLogicError

from oracle.chain.keys import is_dev_address
from oracle.chain.record import (
    TOURNAMENT,
    Compiler,
    DeployedContract,
    DeploymentRecord,
    load_record,
)
from oracle.devnet.profile import REAL_CHAINS, Roles, Rules, load_profile, load_roles
from oracle.devnet.topology import DEPLOYER, load
from oracle.errors import InputError, RefusedError
from scripts._money import fund
from scripts._output import readable_errors
from scripts._plan import SHARED, Artifact, as_text, check_fits, check_roles, lines, plan
from scripts._steps import carry_out, check_progress, only_one

_WEI_PER_POL = 10**18


@dataclass(frozen=True, slots=True)
class Job:
    """One tournament to deploy, and the file of its record."""

    rules: Rules
    record: Path


class ApeSigner:
    """The deployer's account in Ape."""

    def __init__(self, account: AccountAPI, chain_id: int) -> None:
        self._account, self._chain_id = account, chain_id
        self.address = str(account.address)

    def sign_creation(self, nonce: int, data: bytes) -> bytes:
        """A raw signed transaction that creates a contract from ``data``; Ape chooses the fees."""
        made = networks.provider.network.ecosystem.create_transaction(
            data=data, nonce=nonce, sender=self.address, chainId=self._chain_id
        )
        signed = self._account.sign_transaction(self._account.prepare_transaction(made))
        if signed is None:
            raise RefusedError("the transaction was not signed")
        return bytes(signed.serialize_transaction())


class Deployment:
    """Tournaments on one chain by one deployer."""

    def __init__(self, web3: Web3, roles: Roles, account: AccountAPI | None) -> None:
        self.web3, self.roles = web3, roles
        self.chain_id = web3.eth.chain_id
        if roles.chain_id != self.chain_id:
            raise InputError(
                f"this is chain {self.chain_id}, the deployment is declared for {roles.chain_id}",
                "pass --network for the right one",
            )
        if account is None:
            if self.chain_id in REAL_CHAINS:
                raise RefusedError(
                    f"chain {self.chain_id} is a real network and the default key is known to all",
                    "name an account of your own with --account",
                )
            account = accounts.test_accounts[DEPLOYER]
        self.signer = ApeSigner(account, self.chain_id)
        self._check_people()
        self.artifacts = compiled()
        self.compiler = Compiler(
            version=version("vyper"), evm_version=project.config.vyper.evm_version
        )
        self.commit = source_commit()

    def _check_people(self) -> None:
        check_roles(self.roles, self.signer.address)
        if self.chain_id not in REAL_CHAINS:
            return
        people = self.roles.holders() | {"deployer": self.signer.address}
        for role, address in people.items():
            if is_dev_address(address):
                raise RefusedError(
                    f"{role} is {address}, whose key is known to everybody; "
                    f"chain {self.chain_id} is a real network"
                )
        for what, address in (("token", self.roles.token), ("burn_vault", self.roles.burn_vault)):
            if address is None or not self.web3.eth.get_code(address):  # type: ignore[arg-type]
                raise RefusedError(f"{what} is no contract on chain {self.chain_id}: {address}")

    def prepare(
        self, job: Job, nonce: int, shared: Mapping[str, DeployedContract]
    ) -> DeploymentRecord:
        """The record to carry out: as planned, or as begun by an earlier run and checked."""
        if self.chain_id in REAL_CHAINS and not job.rules.super_quorum:
            raise RefusedError(
                "there is no super-quorum, so a challenge could only void a round, at no cost",
                f"set super_quorum; chain {self.chain_id} is a real network",
            )
        begun = load_record(job.record, complete=False) if job.record.exists() else None
        if begun:
            nonce = min(c.nonce for name, c in begun.contracts.items() if name not in shared)
        planned = plan(
            job.rules,
            self.roles,
            self.artifacts,
            self.signer.address,
            nonce,
            shared,
            compiler=self.compiler,
            commit=self.commit,
        )
        if begun:
            check_fits(begun, planned)
            check_progress(self.web3, begun)
        return begun or planned

    def shareable(self, record: DeploymentRecord) -> dict[str, DeployedContract]:
        """What later tournaments on this chain use of an earlier one."""
        if record.chain_id != self.chain_id:
            raise InputError(f"--shared is a record of chain {record.chain_id}")
        timelock = record.contracts["Timelock"].arguments
        if timelock != as_text(self.roles.timelock.model_dump()):
            raise InputError(f"the shared timelock has {timelock}, other than the roles say")
        names = ["Timelock"] + (["ChildNmr"] if self.roles.token is None else [])
        return {name: record.contracts[name] for name in names if name in record.contracts}

    def run(self, jobs: Sequence[Job], shared: Mapping[str, DeployedContract]) -> None:
        """Deploys what is missing."""
        for job in jobs:
            with only_one(job.record):
                nonce = self.web3.eth.get_transaction_count(self.signer.address)  # type: ignore[arg-type]
                record = self.prepare(job, nonce, shared)
                if record.is_complete:
                    click.echo(f"{job.record}: all is there, nothing sent")
                else:
                    self._check_money(record)
                    record = carry_out(
                        self.web3, record, job.record, self.artifacts, self.signer, click.echo
                    )
                    click.echo(f"{job.record}: deployed; {self.signer.address} holds no role")
                shared = shared or self.shareable(record)

    def show(self, jobs: Sequence[Job], shared: Mapping[str, DeployedContract]) -> None:
        """Prints what `run` would do; sends and writes nothing."""
        nonce = self.web3.eth.get_transaction_count(self.signer.address)  # type: ignore[arg-type]
        price, gas = self.web3.eth.gas_price, 0
        for job in jobs:
            record = self.prepare(job, nonce, shared)
            missing = [n for n in _missing(record) if n not in shared]
            nonce += len(missing)
            click.echo(f"\ntournament {record.tournament} on chain {record.chain_id}: {job.record}")
            click.echo(f"  source {record.commit}, vyper {record.compiler.version}")
            for name, why in record.stand_ins.items():
                click.echo(f"  stand-in {name}: {why}")
            for name, contract in record.contracts.items():
                click.echo(f"\n  {name} {contract.address}")
                for what, value in lines(contract.arguments):
                    click.echo(f"    {what:<24}{value}")
                if name not in missing:
                    click.echo("    shared" if name in shared else "    is there already")
                    continue
                estimate = self._gas(name, contract)
                gas += estimate
                click.echo(
                    f"    {self.artifacts[name].size:,} bytes, nonce {contract.nonce}, "
                    f"{estimate:,} gas, {_pol(estimate * price)} POL"
                )
            shared = shared or self.shareable(record)
        click.echo(
            f"\ndeployer {self.signer.address}, holds no role; governor is the timelock\n"
            f"{gas:,} gas at {price / 10**9:g} gwei: {_pol(gas * price)} POL; dry run, nothing sent"
        )

    def _gas(self, name: str, contract: DeployedContract) -> int:
        artifact = self.artifacts[name]
        call = {"from": self.signer.address, "data": artifact.creation(contract.arguments)}
        try:
            return self.web3.eth.estimate_gas(call)  # type: ignore[arg-type]
        except ContractLogicError:
            return artifact.gas()  # its constructor reads contracts that are not there yet

    def _check_money(self, record: DeploymentRecord) -> None:
        """Refuses to begin what the deployer cannot pay for."""
        gas = sum(self._gas(name, c) for name, c in _missing(record).items())
        cost = gas * self.web3.eth.gas_price
        balance = self.web3.eth.get_balance(self.signer.address)  # type: ignore[arg-type]
        if balance < cost:
            raise RefusedError(
                f"{self.signer.address} has {_pol(balance)} POL, the deployment costs {_pol(cost)}"
            )


def _missing(record: DeploymentRecord) -> dict[str, DeployedContract]:
    return {name: c for name, c in record.contracts.items() if not c.is_there}


def _pol(wei: int) -> str:
    return f"{wei / _WEI_PER_POL:.6f}"


# ---------------------------------------------------------------------- sources


def compile_afresh() -> None:
    """Compiles all contracts if any source changed since they were compiled.

    Ape itself looks at a contract's own file only, so a changed module would go unnoticed.
    """
    digest = hashlib.sha256()
    for source in sorted((project.path / "contracts").rglob("*.vy*")):
        digest.update(source.relative_to(project.path).as_posix().encode() + source.read_bytes())
    stamp = project.path / ".build" / "sources.sha256"
    if not stamp.exists() or stamp.read_text() != digest.hexdigest():
        project.load_contracts(use_cache=False)
        stamp.write_text(digest.hexdigest())


def compiled() -> dict[str, Artifact]:
    """Every contract that a deployment may consist of."""
    compile_afresh()
    found = {}
    for name in (*SHARED, *TOURNAMENT):
        kind = project.get_contract(name).contract_type
        found[name] = Artifact(
            inputs=[i.model_dump(exclude_none=True) for i in kind.constructor.inputs],
            initcode=bytes.fromhex(kind.deployment_bytecode.bytecode.removeprefix("0x")),
        )
    return found


def source_commit() -> str:
    """The checked-out commit, marked if the contracts were changed since."""
    git = ["git", "-C", str(project.path)]
    try:
        commit = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, check=True, text=True
        )
        dirty = subprocess.run(
            [*git, "status", "--porcelain", "contracts"], capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit.stdout.strip() + ("-modified" if dirty.stdout.strip() else "")


# ---------------------------------------------------------------------- the command

_File = click.Path(path_type=Path, dir_okay=False)


def _account(alias: str | None) -> AccountAPI | None:
    """An account of Ape's; with its passphrase in the environment it signs without asking."""
    if alias is None:
        return None
    if alias not in accounts.aliases:
        raise InputError(f"Ape has no account {alias}", "see `ape accounts list`")
    account = accounts.load(alias)
    passphrase = os.environ.get(f"APE_ACCOUNTS_{alias}_PASSPHRASE")
    if passphrase is not None:
        account.set_autosign(True, passphrase=passphrase)
    return account


def _jobs(
    topology: Path | None,
    record: Path | None,
    profiles: Sequence[Path],
    records: Path | None,
    roles: Path | None,
) -> tuple[list[Job], Roles]:
    """What the options ask for: a topology's tournament, or those of profiles."""
    if not profiles:
        if record is None or records or roles:
            raise click.UsageError(
                "a devnet's tournament takes --record and neither --roles nor --records"
            )
        declared = load(topology)
        return [Job(declared.tournament, record)], declared.roles()
    if records is None or roles is None or topology or record:
        raise click.UsageError("profiles take --roles and --records, not --topology or --record")
    stems = [profile.stem for profile in profiles]
    if len(set(stems)) < len(stems):
        raise click.UsageError("two profiles of one name would share a record")
    people = load_roles(roles)
    jobs = []
    for path in profiles:
        rules = load_profile(path)
        if rules.operators != len(people.operators):
            raise InputError(
                f"{path} is for {rules.operators} operators, {roles} names {len(people.operators)}"
            )
        jobs.append(Job(rules, records / f"{path.stem}.json"))
    return jobs, people


@click.command(cls=ConnectedProviderCommand)
@click.option("--topology", type=_File, help="A devnet's topology (TOML).")
@click.option("--record", type=_File, help="Record of the devnet's tournament.")
@click.option(
    "--profile", "profiles", type=_File, multiple=True, help="A tournament's rules (TOML)."
)
@click.option("--roles", type=_File, help="Who runs the tournaments on this chain (TOML).")
@click.option("--records", type=click.Path(path_type=Path), help="Folder of the profiles' records.")
@click.option("--shared", type=_File, help="Record whose timelock is to be used.")
@click.option("--account", help="Ape account that deploys; must be named on real chains.")
@click.option("--fund", "with_money", is_flag=True, help="Fund the devnet too.")
@click.option("--dry-run", is_flag=True, help="Show the plan, send nothing.")
def cli(
    topology: Path | None,
    record: Path | None,
    profiles: tuple[Path, ...],
    roles: Path | None,
    records: Path | None,
    shared: Path | None,
    account: str | None,
    with_money: bool,
    dry_run: bool,
) -> None:
    """Deploy tournaments and write their records; go on where an interrupted run stopped."""
    if with_money and (profiles or dry_run):
        raise click.UsageError("--fund is for a devnet's tournament")
    with readable_errors() as web3:
        jobs, people = _jobs(topology, record, profiles, records, roles)
        deployment = Deployment(web3, people, _account(account))
        common = deployment.shareable(load_record(shared)) if shared else {}
        if dry_run:
            deployment.show(jobs, common)
            return
        deployment.run(jobs, common)
        if with_money:
            fund(load(topology), load_record(jobs[0].record))
