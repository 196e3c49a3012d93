"""Assay's own contracts of a bridge: the burn vault on both chains, the governance tunnel.

The bridge's record is ahead of the chains, as a tournament's is: see ``_steps``. The vault's
address follows from what creates it, so whoever comes first deploys it for all. The tunnel's ends
have addresses by nonce, and know each other; they are planned when both vaults are there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from eth_utils import keccak, to_checksum_address
from web3 import Web3
from web3.exceptions import ContractLogicError

from oracle.bridge.record import BridgeDeployment, BridgeRecord, Roots, Vault
from oracle.bridge.roles import Verdict, inspect_portal
from oracle.bridge.vault import (
    FACTORY,
    FACTORY_CODE,
    vault_address,
    vault_call,
    vault_code,
    vault_initcode,
)
from oracle.chain.record import Compiler, DeployedContract, DeploymentRecord
from oracle.devnet.profile import Roles
from oracle.errors import EnvironmentLacksError, InputError, RefusedError
from oracle.settlement.manifest import hex32
from scripts._plan import Artifact, as_text, created_address, misfits
from scripts._steps import Site, awaited, carry_out, check_progress, sent_before

OWN = ("BurnVault", "GovRoot", "GovChild")
"""What a bridge has of Assay's own."""
Side = Literal["root", "child"]
SIDES: tuple[Side, Side] = ("root", "child")


@dataclass(frozen=True, slots=True)
class Source:
    """What is deployed, and from which sources."""

    artifacts: Mapping[str, Artifact]
    compiler: Compiler
    commit: str


@dataclass(slots=True)
class Nonces:
    """The deployer's next ones on both chains."""

    child: int
    root: int = 0

    @classmethod
    def now(cls, child: Site, root: Site | None) -> "Nonces":
        return cls(*(next_nonce(site) for site in (child, root) if site is not None))

    def behind(self, contracts: Mapping[str, DeployedContract]) -> "Nonces":
        """Those that follow when all these contracts are there."""
        for contract in contracts.values():
            if contract.is_there:
                continue
            if contract.chain_id is None:
                self.child = max(self.child, contract.nonce + 1)
            else:
                self.root = max(self.root, contract.nonce + 1)
        return self


def next_nonce(site: Site) -> int:
    return site.web3.eth.get_transaction_count(site.signer.address)  # type: ignore[arg-type]


@dataclass(slots=True)
class OwnBridge:
    """The record in ``path``, and the deployer's account on both chains that it is of."""

    path: Path
    record: BridgeRecord
    root: Site
    child: Site
    source: Source
    _artifact: Artifact = field(init=False)
    _initcode: bytes = field(init=False)

    def __post_init__(self) -> None:
        for name, site, side in (
            ("root", self.root, self.record.root),
            ("child", self.child, self.record.child),
        ):
            live = site.web3.eth.chain_id
            if live != side.chain_id:
                raise InputError(
                    f"the {name} chain's endpoint is of chain {live}, {self.path} is of "
                    f"{side.chain_id}",
                    "pass the right " + ("--root-rpc" if name == "root" else "--network"),
                )
        self._artifact = self.source.artifacts["BurnVault"]
        self._initcode = vault_initcode(self._artifact.initcode, self.record)

    def require_sound(self, say: Callable[[str], None]) -> None:
        """Refuses a record that the chains contradict; says what they do not answer."""
        findings = inspect_portal(self.root.web3, self.child.web3, self.record)
        for finding in findings:
            if finding.verdict is Verdict.UNKNOWN and finding.expected:
                say(str(finding))
        wrong = [str(found) for found in findings if found.verdict is Verdict.WRONG]
        if wrong:
            raise RefusedError(
                f"{self.path} does not fit the chains: " + "; ".join(wrong),
                "see `ape run check --bridge`; nothing was sent",
            )

    def settled(self, roles: Roles, record: BridgeRecord) -> Roles:
        """The roles with token, burn vault and proposer from the bridge."""
        vault = self.vault(record).address
        for what, named, own in (
            ("token", roles.token, record.child.token),
            ("burn_vault", roles.burn_vault, vault),
        ):
            if named is not None and named != own:
                raise InputError(
                    f"the roles say that {what} is {named}, the bridge's is {own}",
                    "leave it out of the roles",
                )
        proposer = roles.timelock.proposer or _address(record, "GovChild")
        timelock = roles.timelock.model_copy(update={"proposer": proposer})
        found = {"token": record.child.token, "burn_vault": vault, "timelock": timelock}
        return roles.model_copy(update=found)

    # ------------------------------------------------------------------ what there will be

    def planned(self, roles: Roles, nonces: Nonces) -> BridgeRecord:
        """The record with everything that is to be deployed; checks what was begun.

        ``nonces`` are those that the tunnel's contracts get if they were not begun.
        """
        record = self.record
        if record.deployment is None:
            made = BridgeDeployment(
                commit=self.source.commit,
                compiler=self.source.compiler,
                vault=self.vault(record),
            )
            record = record.model_copy(update={"deployment": made})
        if roles.tunnel is None:
            return record
        begun = record.contracts
        if not any(c.is_there or c.sent for c in begun.values()):
            return record.deployed(contracts=self._tunnel(roles, nonces.root, nonces.child))
        at = {name: contract.nonce for name, contract in begun.items()}
        wrong = misfits(begun, self._tunnel(roles, at["GovRoot"], at["GovChild"]))
        if wrong:
            raise RefusedError(
                f"{self.path} has another governance tunnel: " + "; ".join(wrong),
                "use it, and repeat what it was made with; or name another record",
            )
        check_progress(self.child.web3, record, self.root.web3)
        return record

    def _tunnel(self, roles: Roles, above: int, below: int) -> dict[str, DeployedContract]:
        """Both ends, by the deployer's nonces ``above`` on the root and ``below`` on the child
        chain."""
        assert roles.tunnel, "a tunnel"
        deployer, record = self.child.signer.address, self.record
        gov_root = created_address(deployer, above)
        gov_child = created_address(deployer, below)
        for_root = {
            "governor": roles.tunnel.governor,
            "fx_root": record.root.fx_root,
            "child": gov_child,
        }
        for_child = {
            "fx_child": record.child.fx_child,
            "root": gov_root,
            "canceller": roles.timelock.canceller,
            "delay": roles.tunnel.delay,
        }
        return {
            name: DeployedContract(
                chain_id=chain,
                address=address,
                deployer=deployer,
                nonce=nonce,
                initcode=hex32(keccak(self.source.artifacts[name].initcode)),
                arguments=as_text(arguments),
            )
            for name, chain, address, nonce, arguments in (
                ("GovRoot", record.root.chain_id, gov_root, above, for_root),
                ("GovChild", None, gov_child, below, for_child),
            )
        }

    # ------------------------------------------------------------------ the vault

    def vault(self, record: BridgeRecord) -> Vault:
        """The vault that the record has, or is to get."""
        made = Vault(address=vault_address(self._initcode), initcode=hex32(keccak(self._initcode)))
        if record.deployment is not None:
            begun = record.deployment.vault
            if record.burn_vault is None and begun.initcode != made.initcode:
                raise RefusedError(
                    f"{self.path} has a burn vault of other sources, or of another compiler",
                    "go on with the sources that it was begun with: commit "
                    f"{record.deployment.commit}",
                )
            return begun
        if record.burn_vault not in (None, made.address):
            raise RefusedError(
                f"{self.path} names {record.burn_vault} as the burn vault; these sources make "
                f"{made.address}",
                "take it out of the record to deploy that one",
            )
        return made

    def missing_vaults(self) -> list[Side]:
        """On which chains it is not there; refuses other code at its address."""
        address = self.vault(self.record).address
        return [side for side in SIDES if not self._vault_is_there(self._site(side).web3, address)]

    def vault_gas(self, side: Side) -> int:
        """What creating it takes."""
        site = self._site(side)
        self._require_factory(site.web3)
        call = {
            "from": site.signer.address,
            "to": FACTORY,
            "data": "0x" + vault_call(self._initcode).hex(),
        }
        return site.web3.eth.estimate_gas(call)  # type: ignore[arg-type]

    def _site(self, side: Side) -> Site:
        return self.root if side == "root" else self.child

    def _vault_is_there(self, web3: Web3, address: str) -> bool:
        live = bytes(web3.eth.get_code(to_checksum_address(address)))
        if live and live != vault_code(self._artifact.runtime, self.record):
            raise RefusedError(
                f"chain {web3.eth.chain_id} has other code at {address}, the burn vault's address",
                "it was made from other sources: see `ape run check --bridge`",
            )
        return bool(live)

    def _require_factory(self, web3: Web3) -> None:
        live, chain = bytes(web3.eth.get_code(FACTORY)), web3.eth.chain_id
        if not live:
            raise EnvironmentLacksError(
                f"chain {chain} has no deterministic deployment proxy at {FACTORY}",
                "anyone can put it there with the proxy's own signed transaction, which is the "
                "same for every chain: docs/deployment.md",
            )
        if live != FACTORY_CODE:
            raise RefusedError(
                f"chain {chain} has other code at {FACTORY} than the deterministic deployment "
                "proxy's: nothing is deployed through it"
            )

    def _place_vault(self, side: Side, say: Callable[[str], None]) -> None:
        """Creates it on one chain, or waits for the transaction that may be doing so."""
        site, vault = self._site(side), self.vault(self.record)
        begun, there = getattr(vault, side), self._vault_is_there(site.web3, vault.address)
        if there and not begun.sent:
            return
        receipt = sent_before(site.web3, begun.sent)
        if receipt is None and not there:
            self._require_factory(site.web3)
            try:
                raw = site.signer.sign_call(_free_nonce(site), FACTORY, vault_call(self._initcode))
            except ContractLogicError:  # somebody was first just now
                if self._vault_is_there(site.web3, vault.address):
                    return
                raise
            sent = hex32(keccak(raw))
            self._note_vault(side, sent=(*begun.sent, sent))
            site.web3.eth.send_raw_transaction(raw)
            receipt = awaited(site.web3, sent)
        # Whoever else created it meanwhile made the same: the proxy then refuses a second one.
        own = {}
        if receipt is not None and receipt["status"] == 1:
            made_by = hex32(receipt["transactionHash"])
            own = {"transaction": made_by, "block": receipt["blockNumber"]}
        self._note_vault(side, sent=(), **own)
        if not self._vault_is_there(site.web3, vault.address):
            raise RefusedError(
                f"the transaction on chain {site.web3.eth.chain_id} did not create the burn vault",
                "run the deployment again",
            )
        say(f"BurnVault {vault.address} on chain {site.web3.eth.chain_id}")

    def _note_vault(self, side: Side, **changes: object) -> None:
        vault = self.vault(self.record)
        noted = getattr(vault, side).model_copy(update=changes)
        self._keep(self.record.deployed(vault=vault.model_copy(update={side: noted})))

    # ------------------------------------------------------------------ carrying out

    def deploy(self, roles: Roles, say: Callable[[str], None]) -> None:
        """Deploys what is missing; the record names it when it is on both chains."""
        self.missing_vaults()
        self._keep(self.planned(roles.model_copy(update={"tunnel": None}), Nonces(0)))
        for side in SIDES:
            self._place_vault(side, say)
        self._keep(self.record.with_contracts(burn_vault=self.vault(self.record).address))
        if roles.tunnel is None:
            return
        self._keep(self.planned(roles, Nonces.now(self.child, self.root)))
        done = carry_out(
            self.child.web3,
            self.record,
            self.path,
            self.source.artifacts,
            self.child.signer,
            say,
            self.root,
        )
        at = {name: contract.address for name, contract in done.contracts.items()}
        self._keep(done.with_contracts(gov_root=at["GovRoot"], gov_child=at["GovChild"]))

    def note_roots(self, tournament: DeploymentRecord) -> None:
        """Names what carries a finished tournament's roots."""
        at = {name: contract.address for name, contract in tournament.contracts.items()}
        if "RootsOutbox" not in at:
            return
        made = Roots(outbox=at["RootsOutbox"], inbox=at["RootsInbox"])
        roots = self.record.roots | {tournament.pool: made}
        self._keep(self.record.model_copy(update={"roots": roots}))

    def _keep(self, record: BridgeRecord) -> None:
        """Writes the record if it changed."""
        if record != self.record:
            record.save(self.path)
            self.record = record


def _address(record: BridgeRecord, name: str) -> str | None:
    contract = record.contracts.get(name)
    return contract.address if contract else None


def _free_nonce(site: Site) -> int:
    """The next nonce; refuses while something else of the account's waits for a block."""
    nonce = next_nonce(site)
    waiting = site.web3.eth.get_transaction_count(site.signer.address, "pending")  # type: ignore[arg-type]
    if waiting != nonce:
        raise RefusedError(
            f"{site.signer.address} has a transaction waiting on chain {site.web3.eth.chain_id}, "
            "which this deployment did not send",
            "wait until it is mined, and deploy with an account that nothing else uses",
        )
    return nonce
