"""Tournaments on one chain by one deployer: planned, shown, carried out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from web3.exceptions import ContractLogicError

from oracle.bridge.record import BridgeRecord
from oracle.chain.keys import is_dev_address
from oracle.chain.record import DeployedContract, DeploymentRecord, load_record
from oracle.devnet.profile import REAL_CHAINS, Roles, Rules
from oracle.errors import InputError, RefusedError
from scripts._own_bridge import Nonces, OwnBridge, Side, Source
from scripts._plan import SHARED, as_text, check_fits, check_roles, lines, plan
from scripts._steps import Site, carry_out, check_progress, only_one, place

_WEI_PER_COIN = 10**18


@dataclass(frozen=True, slots=True)
class Job:
    """One tournament to deploy, and the file of its record."""

    rules: Rules
    record: Path


@dataclass(slots=True)
class Outline:
    """What a run would do: on which chains the vault is missing, the records when all is there."""

    missing_vaults: list[Side] = field(default_factory=list)
    bridge: BridgeRecord | None = None
    records: list[DeploymentRecord] = field(default_factory=list)


@dataclass(slots=True)
class Deployment:
    """``bridge`` is the one that brings the tournaments' token, if there is one."""

    home: Site
    roles: Roles
    source: Source
    bridge: OwnBridge | None = None
    chain_id: int = 0

    def __post_init__(self) -> None:
        self.chain_id = self.home.web3.eth.chain_id
        if self.roles.chain_id != self.chain_id:
            raise InputError(
                f"this is chain {self.chain_id}, the deployment is declared for "
                f"{self.roles.chain_id}",
                "pass --network for the right one",
            )
        check_roles(self.roles, self.home.signer.address)
        if self.bridge is not None and self.bridge.record.child.chain_id != self.chain_id:
            raise InputError(
                f"{self.bridge.path} is of child chain {self.bridge.record.child.chain_id}"
            )
        if self.roles.tunnel is not None and self.bridge is None:
            raise InputError("the roles have a [tunnel], and there is no bridge", "pass --bridge")
        if self._is_real:
            self._check_people()

    @property
    def _root(self) -> Site | None:
        return self.bridge.root if self.bridge else None

    @property
    def _is_real(self) -> bool:
        root = self.bridge.record.root.chain_id if self.bridge else None
        return self.chain_id in REAL_CHAINS or root in REAL_CHAINS

    def _check_people(self) -> None:
        if self.bridge is None:
            raise RefusedError(
                f"chain {self.chain_id} is a real network: token and burn vault are those of a "
                "bridge's record",
                "pass --bridge and --root-rpc",
            )
        unverified = ", ".join(self.bridge.record.unverified)
        if unverified:
            raise RefusedError(
                f"{self.bridge.path}: nobody has compared {unverified} with their sources",
                "compare them with what Polygon and the token's issuer publish, see "
                "`ape run check --bridge`, and take them out of `unverified`",
            )
        people = self.roles.holders() | {"deployer": self.home.signer.address}
        for role, address in people.items():
            if is_dev_address(address):
                raise RefusedError(
                    f"{role} is {address}, whose key is known to everybody; "
                    f"chain {self.chain_id} is a real network"
                )

    # ------------------------------------------------------------------ planning

    def outline(self, jobs: Sequence[Job], shared: Mapping[str, DeployedContract]) -> Outline:
        """Everything that a run would do, if nothing else happens on the chains meanwhile."""
        nonces, found, roles = Nonces.now(self.home, self._root), Outline(), self.roles
        if self.bridge is not None:
            found.missing_vaults = self.bridge.missing_vaults()
            nonces.child += "child" in found.missing_vaults
            nonces.root += "root" in found.missing_vaults
            found.bridge = self.bridge.planned(roles, nonces)
            nonces.behind(found.bridge.contracts)
            roles = self.bridge.settled(roles, found.bridge)
        for job in jobs:
            record = self.prepare(job, roles, nonces, shared, found.bridge)
            nonces.behind(record.contracts)
            found.records.append(record)
            shared = shared or self.shareable(record, roles)
        return found

    def prepare(
        self,
        job: Job,
        roles: Roles,
        nonces: Nonces,
        shared: Mapping[str, DeployedContract],
        bridge: BridgeRecord | None,
    ) -> DeploymentRecord:
        """The record to carry out: as planned, or as begun by an earlier run and checked."""
        if self._is_real and not job.rules.super_quorum:
            raise RefusedError(
                "there is no super-quorum, so a challenge could only void a round, at no cost",
                f"set super_quorum; chain {self.chain_id} is a real network",
            )
        child, root = nonces.child, nonces.root
        begun = load_record(job.record, complete=False) if job.record.exists() else None
        if begun:
            own = [c for name, c in begun.contracts.items() if name not in shared]
            child = min(c.nonce for c in own if c.chain_id is None)
            root = min((c.nonce for c in own if c.chain_id is not None), default=root)
        planned = plan(
            job.rules,
            roles,
            self.source.artifacts,
            self.home.signer.address,
            child,
            shared,
            compiler=self.source.compiler,
            commit=self.source.commit,
            bridge=bridge,
            root_nonce=root,
        )
        if begun:
            check_fits(begun, planned)
            check_progress(self.home.web3, begun, self._root.web3 if self._root else None)
        return begun or planned

    def shareable(self, record: DeploymentRecord, roles: Roles) -> dict[str, DeployedContract]:
        """What later tournaments on this chain use of an earlier one."""
        if record.chain_id != self.chain_id:
            raise InputError(f"--shared is a record of chain {record.chain_id}")
        timelock = record.contracts["Timelock"].arguments
        wanted = roles.timelock.model_dump()
        if wanted["proposer"] is None:  # the tunnel's, which is in the record
            wanted["proposer"] = timelock["proposer"]
        if timelock != as_text(wanted):
            raise InputError(f"the shared timelock has {timelock}, other than the roles say")
        return {name: record.contracts[name] for name in SHARED}

    # ------------------------------------------------------------------ carrying out

    def run(
        self,
        jobs: Sequence[Job],
        shared: Mapping[str, DeployedContract],
        say: Callable[[str], None],
    ) -> None:
        """Deploys what is missing."""
        files = [job.record for job in jobs] + ([self.bridge.path] if self.bridge else [])
        with only_one(*files):
            if self.bridge is not None:
                self.bridge.require_sound(say)
            self._check_money(self.outline(jobs, shared))
            roles = self.roles
            if self.bridge is not None:
                self.bridge.deploy(roles, say)
                roles = self.bridge.settled(roles, self.bridge.record)
            for job in jobs:
                record = self._carry_out(job, roles, shared, say)
                shared = shared or self.shareable(record, roles)

    def _carry_out(
        self,
        job: Job,
        roles: Roles,
        shared: Mapping[str, DeployedContract],
        say: Callable[[str], None],
    ) -> DeploymentRecord:
        bridge = self.bridge.record if self.bridge else None
        record = self.prepare(job, roles, Nonces.now(self.home, self._root), shared, bridge)
        if record.is_complete:
            say(f"{job.record}: all is there, nothing sent")
        else:
            signer = self.home.signer
            record = carry_out(
                self.home.web3, record, job.record, self.source.artifacts, signer, say, self._root
            )
            say(f"{job.record}: deployed; {signer.address} holds no role")
        if self.bridge is not None:
            self.bridge.note_roots(record)
        return record

    # ------------------------------------------------------------------ what it costs

    def costs(self, outline: Outline) -> list[tuple[Site, int]]:
        """Gas of everything that is missing, on this chain and on the root chain."""
        gas: dict[Side, int] = {"child": 0, "root": 0}
        for side in outline.missing_vaults:
            assert self.bridge
            gas[side] += self.bridge.vault_gas(side)
        seen: set[tuple[int | None, str]] = set()
        contracts = [record.contracts for record in outline.records]
        if outline.bridge is not None:
            contracts.append(outline.bridge.contracts)
        for found in contracts:
            for name, contract in found.items():
                if not contract.is_there and (contract.chain_id, contract.address) not in seen:
                    seen.add((contract.chain_id, contract.address))
                    side = "child" if contract.chain_id is None else "root"
                    gas[side] += self.gas(name, contract)
        return [(self.home, gas["child"])] + ([(self._root, gas["root"])] if self._root else [])

    def gas(self, name: str, contract: DeployedContract) -> int:
        artifact = self.source.artifacts[name]
        site = place(contract, self.home, self._root)
        call = {"from": site.signer.address, "data": artifact.creation(contract.arguments)}
        try:
            return site.web3.eth.estimate_gas(call)  # type: ignore[arg-type]
        except ContractLogicError:
            return artifact.gas()  # its constructor reads contracts that are not there yet

    def _check_money(self, outline: Outline) -> None:
        """Refuses to begin what the deployer cannot pay for."""
        for site, gas in self.costs(outline):
            cost = gas * site.web3.eth.gas_price
            balance = site.web3.eth.get_balance(site.signer.address)  # type: ignore[arg-type]
            if balance < cost:
                raise RefusedError(
                    f"{site.signer.address} has {coins(balance)} on chain "
                    f"{site.web3.eth.chain_id}, the deployment there costs {coins(cost)}"
                )

    # ------------------------------------------------------------------ showing

    def show(
        self,
        jobs: Sequence[Job],
        shared: Mapping[str, DeployedContract],
        say: Callable[[str], None],
    ) -> None:
        """Says what `run` would do; sends and writes nothing."""
        if self.bridge is not None:
            self.bridge.require_sound(say)
        outline = self.outline(jobs, shared)
        costs = self.costs(outline)
        if outline.bridge is not None:
            self._show_bridge(outline, say)
        for job, record in zip(jobs, outline.records, strict=True):
            say(f"\ntournament {record.tournament} on chain {record.chain_id}: {job.record}")
            say(f"  source {record.commit}, vyper {record.compiler.version}")
            for name, why in record.stand_ins.items():
                say(f"  stand-in {name}: {why}")
            for name, contract in record.contracts.items():
                self._show_contract(name, contract, say, is_shared=name in shared)
            shared = shared or {name: record.contracts[name] for name in SHARED}
        say(f"\ndeployer {self.home.signer.address}, holds no role; governor is the timelock")
        for site, gas in costs:
            price = site.web3.eth.gas_price
            say(
                f"chain {site.web3.eth.chain_id}: {gas:,} gas at {price / 10**9:g} gwei, "
                f"{coins(gas * price)} in its coin"
            )
        say("dry run, nothing sent")

    def _show_bridge(self, outline: Outline, say: Callable[[str], None]) -> None:
        assert self.bridge
        assert outline.bridge
        say(f"\nbridge {outline.bridge.name}: {self.bridge.path}")
        say(f"\n  BurnVault {self.bridge.vault(outline.bridge).address} on both chains")
        for side in ("root", "child"):
            if side in outline.missing_vaults:
                say(f"    {side} chain: {self.bridge.vault_gas(side):,} gas")
            else:
                say(f"    {side} chain: is there already")
        for name, contract in outline.bridge.contracts.items():
            self._show_contract(name, contract, say, is_shared=False)

    def _show_contract(
        self,
        name: str,
        contract: DeployedContract,
        say: Callable[[str], None],
        *,
        is_shared: bool,
    ) -> None:
        where = f" on chain {contract.chain_id}" if contract.chain_id is not None else ""
        say(f"\n  {name} {contract.address}{where}")
        for what, value in lines(contract.arguments):
            say(f"    {what:<24}{value}")
        if is_shared or contract.is_there:
            say("    shared" if is_shared else "    is there already")
            return
        size = self.source.artifacts[name].size
        gas = self.gas(name, contract)
        say(f"    {size:,} bytes, nonce {contract.nonce}, {gas:,} gas")


def coins(wei: int) -> str:
    return f"{wei / _WEI_PER_COIN:.6f}"
