"""Words of owners, as they are kept, in databases of both kinds."""

from oracle.chain.keys import dev_account
from oracle.chain.signing import LocalSigner, sign
from oracle.intake.owners_keys import OwnersKeys
from oracle.settlement.submitters import SubmissionKey
from oracle.settlement.typed_data import Domain
from oracle.store.database import Database

OWNER, KEY = dev_account(3), dev_account(4).address
DOMAIN = Domain(731371, "0x" + "aB" * 20)


def test_store__words_without_end__the_newest_sixteen_are_kept(database: Database) -> None:
    keys = OwnersKeys(database, 8, DOMAIN)
    for number in range(1, 31):
        word = SubmissionKey(KEY, number, number + 10)
        keys.store(OWNER.address, word, sign(LocalSigner(OWNER), word, DOMAIN))
    kept = [word.first_round for word, _ in keys.of(OWNER.address, KEY)]
    assert kept == list(range(30, 14, -1))
