"""Conservation at every block that two chains make, in the order in which they make them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import requests
from local_anvil import LocalAnvil
from two_chains import TwoChains

from oracle.bridge.conservation import Facts, check
from oracle.bridge.contracts import checkpoint_manager
from oracle.bridge.reading import Books
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import connect

_MAKES_BLOCKS = {
    "eth_sendRawTransaction",
    "eth_sendTransaction",
    "anvil_mine",
    "evm_mine",
    "anvil_reorg",
}
_REACH = 16


class _Chain:
    """What a chain had when it was last looked at, by number; clients of nobody else's."""

    def __init__(self, anvil: LocalAnvil, chain_id: int) -> None:
        self.url, self.web3 = anvil.url, connect(anvil.url, chain_id)
        self.head = self.web3.eth.block_number
        # Blocks of before may be replaced as well.
        known = range(max(0, self.head - _REACH), self.head + 1)
        self._hashes = {number: self._hash_of(number) for number in known}

    def _hash_of(self, number: int) -> bytes:
        return bytes(self.web3.eth.get_block(number)["hash"])

    def made(self) -> list[int]:
        """The blocks made since the last look, from the first that is another one than then."""
        head = self.web3.eth.block_number
        if head == self.head and self._hash_of(head) == self._hashes[head]:
            return []
        fork = min(head, self.head)
        while fork in self._hashes and self._hash_of(fork) != self._hashes[fork]:
            fork -= 1
        assert fork in self._hashes, "more of the chain was replaced than was ever looked at"
        made = list(range(fork + 1, head + 1))
        self._hashes |= {number: self._hash_of(number) for number in made}
        self.head = head
        return made


class EveryBlock:
    """Looks before each request of this process that makes a block, so that at a look only one
    chain has new ones, unless a sender did not wait for its own.

    ``checks`` counts the pairs of blocks that were checked, ``unordered`` the looks that found new
    blocks of both chains, ``replaced`` those that found blocks in the place of others.
    """

    def __init__(self, chains: TwoChains, pool: str) -> None:
        record = chains.record
        self._root = _Chain(chains.root, record.root.chain_id)
        self._child = _Chain(chains.child, record.child.chain_id)
        self._checkpoints = checkpoint_manager(self._root.web3, record)
        reader = PoolReader.open(chains.child.url, pool)
        self._books = Books(self._root.web3, self._child.web3, record, reader=reader)
        self._at = self._root.head, self._child.head
        self.checks = self.unordered = self.replaced = 0
        self._trouble = ""
        self.facts = self._checked()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Looks as long as this lasts; whoever makes blocks does not learn of trouble."""
        send = requests.Session.send

        def sends(session: requests.Session, request: Any, **options: Any) -> Any:
            if json.loads(request.body)["method"] in _MAKES_BLOCKS:
                self._look()
            return send(session, request, **options)

        with patch.object(requests.Session, "send", sends):
            yield

    def conserved(self) -> Facts:
        """The facts of now; raises if anything did not add up since this was last asked."""
        self._look()
        assert not self._trouble, self._trouble
        return self.facts

    def _look(self) -> None:
        """Checks every block since the last look, up to the first trouble."""
        if self._trouble:
            return
        roots, children = self._root.made(), self._child.made()
        self.unordered += bool(roots and children)
        self.replaced += sum(
            bool(made) and made[0] <= at
            for made, at in zip((roots, children), self._at, strict=True)
        )
        try:
            while roots or children:
                if roots and (not children or self._fits(roots[0])):
                    self._at = roots.pop(0), self._at[1]
                else:
                    self._at = self._at[0], children.pop(0)
                self.facts = self._checked()
        except AssertionError as error:
            self._trouble = str(error)

    def _fits(self, root: int) -> bool:
        """Whether a root block may have come before a child block of the same look: not if it has
        a checkpoint of blocks that were made since."""
        last = self._checkpoints.functions.getLastChildBlock().call(block_identifier=root)
        return bool(last <= self._at[1])

    def _checked(self) -> Facts:
        facts = self._books.facts(*self._at)
        wrong, (root, child) = check(facts), self._at
        assert not wrong, f"root block {root}, child block {child}: {'; '.join(wrong)}"
        self.checks += 1
        return facts
