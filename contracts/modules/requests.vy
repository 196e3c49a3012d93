# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Rounds and the requests that wait for them
@license MIT
@notice One record a round and model, in a list a round: a model's first request for a round puts
        it in front, later ones add to its record. The order between models does not matter.
@dev Holds storage. A record, from the lowest bit: deposit 56 | release 56 | mode 2 | next model's
     id + 1, 21. No request leaves a record at zero, so a zero record is not in the list, but for
     the oldest one in a pool that is wound down, whose deposit was paid out. The front
     of a list shares a word with its round's close: whoever queues a request reads both.
"""


# @dev A record's fields.
struct Request:
    deposit: uint256
    release: uint256
    mode: uint256
    following: uint256


# @dev A round: its close in seconds, 0 before it is announced or skipped; the first queued model's
# id + 1, 0 for an empty queue; whether it was skipped; and, where it was called void for want of
# its batches, the time from which the rest of them may be given up.
struct Round:
    close: uint256
    first: uint256
    skipped: bool
    void_at: uint256


PAGE: constant(uint256) = 1024


# @dev A release of this much, or more, means all there is.
RELEASE_ALL: constant(uint256) = 2**56 - 1


_M21: constant(uint256) = 2**21 - 1
_M40: constant(uint256) = 2**40 - 1
_M56: constant(uint256) = 2**56 - 1
_RELEASE_SHIFT: constant(uint256) = 56
_MODE_SHIFT: constant(uint256) = 112
_NEXT_SHIFT: constant(uint256) = 114
_MODE_MASK: constant(uint256) = 3 << _MODE_SHIFT


# @dev Where `queue` puts a record's model, above the record.
_MODEL_SHIFT: constant(uint256) = 160


# @dev Queue records, by round and model.
_pend: HashMap[uint256, HashMap[uint256, uint256]]


# @dev By round: close 40 | first 21 | skipped 1 | void_at 40, from the lowest bit; 154 unused.
_rounds: HashMap[uint256, uint256]


@external
@view
def record_of(k: uint256, model: uint256) -> uint256:
    """
    @param k Any round.
    @param model The model's id.
    @return uint256 The model's queue record, zero if there is none: deposit 56 | release 56 |
            mode 2 | next model's id + 1, 21; amounts in U, a release of 2^56 - 1 means all.
    """
    return self._pend[k][model]


@external
@view
def queue(k: uint256, from_id_plus_1: uint256, n: uint256) -> DynArray[uint256, PAGE]:
    """
    @notice A page of a round's queue, newest first. The next page starts at the `next` field of
            this page's last record; the queue ends where that is zero. It may end before, in a
            pool that is wound down: nothing is left of the oldest record once its deposit is out.
    @param k Any round.
    @param from_id_plus_1 A queued model's id + 1 to start at, or 0 for the first.
    @param n How many records at most, up to 1,024.
    @return DynArray The records as in `record_of`, each with its model's id at bit 160; none if
            the model to start at has no record.
    """
    assert n <= PAGE, "pool: page too long"
    page: DynArray[uint256, PAGE] = []
    following: uint256 = from_id_plus_1
    if following == 0:
        following = self._load_round(k).first
    for _: uint256 in range(n, bound=PAGE):
        if following == 0:
            break
        model: uint256 = following - 1
        record: uint256 = self._pend[k][model]
        if record == 0:
            break
        page.append(record | (model << _MODEL_SHIFT))
        following = record >> _NEXT_SHIFT
    return page


@internal
def _add_deposit(k: uint256, model: uint256, units: uint256):
    """
    @param k The round.
    @param model The model's id.
    @param units What to add to its deposit; the sum is a part of what the pool holds.
    """
    record: uint256 = self._pend[k][model]
    self._put(k, model, record, record + units)


@internal
def _add_release(k: uint256, model: uint256, units: uint256):
    """
    @param k The round.
    @param model The model's id.
    @param units What to add to its release, up to `RELEASE_ALL`.
    """
    record: uint256 = self._pend[k][model]
    before: uint256 = (record >> _RELEASE_SHIFT) & _M56
    after: uint256 = min(before + units, RELEASE_ALL)
    self._put(k, model, record, record + ((after - before) << _RELEASE_SHIFT))


@internal
def _set_mode(k: uint256, model: uint256, mode: uint256):
    """
    @param k The round.
    @param model The model's id.
    @param mode 1 or 2; replaces an earlier one.
    """
    record: uint256 = self._pend[k][model]
    self._put(k, model, record, (record & ~_MODE_MASK) | (mode << _MODE_SHIFT))


@internal
def _remove(k: uint256, model: uint256) -> Request:
    """
    @dev Deletes a record. The caller, who walks the list from its front, moves the front.
    @param k The round.
    @param model The id of the model in front.
    @return Request What it asked for.
    """
    record: uint256 = self._pend[k][model]
    self._pend[k][model] = 0
    return Request(
        deposit=record & _M56,
        release=(record >> _RELEASE_SHIFT) & _M56,
        mode=(record >> _MODE_SHIFT) & 3,
        following=record >> _NEXT_SHIFT,
    )


@internal
def _take_deposit(k: uint256, model: uint256) -> uint256:
    """
    @dev Takes a deposit out of a record that nobody will drain.
    @param k The round.
    @param model The model's id.
    @return uint256 What it was, in U.
    """
    record: uint256 = self._pend[k][model]
    self._pend[k][model] = record & ~_M56
    return record & _M56


@internal
def _put(k: uint256, model: uint256, record: uint256, changed: uint256):
    """
    @dev Stores a record, and links it in front at the model's first request.
    @param k The round.
    @param model The model's id.
    @param record The record as it was.
    @param changed The record as it becomes, its `next` field as before.
    """
    linked: uint256 = changed
    if record == 0:
        word: uint256 = self._rounds[k]
        linked |= ((word >> 40) & _M21) << _NEXT_SHIFT
        self._rounds[k] = (word & ~(_M21 << 40)) | ((model + 1) << 40)
    self._pend[k][model] = linked


@internal
@view
def _close(k: uint256) -> uint256:
    """
    @param k Any round.
    @return uint256 Its close in seconds, 0 if it has none yet.
    """
    return self._rounds[k] & _M40


@internal
@view
def _load_round(k: uint256) -> Round:
    """
    @param k Any round.
    @return Round Its fields.
    """
    word: uint256 = self._rounds[k]
    return Round(
        close=word & _M40,
        first=(word >> 40) & _M21,
        skipped=(word >> 61) & 1 == 1,
        void_at=(word >> 62) & _M40,
    )


@internal
def _store_round(k: uint256, round: Round):
    """
    @param k A round.
    @param round Its fields, each inside its bits.
    """
    self._rounds[k] = (
        round.close
        | (round.first << 40)
        | (convert(round.skipped, uint256) << 61)
        | (round.void_at << 62)
    )
