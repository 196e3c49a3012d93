# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Requests that wait for a round
@license MIT
@notice One record a round and model, in a list a round: a model's first request for a round puts
        it in front, later ones add to its record. The order between models does not matter.
@dev Holds storage. A record, from the lowest bit: deposit 56 | release 56 | mode 2 | next model's
     id + 1, 21. No request leaves a record at zero, so a zero record is not in the list.
"""


# @dev A record's fields.
struct Request:
    deposit: uint256
    release: uint256
    mode: uint256
    following: uint256


PAGE: constant(uint256) = 1024


# @dev A release of this much, or more, means all there is.
RELEASE_ALL: constant(uint256) = 2**56 - 1


_M56: constant(uint256) = 2**56 - 1
_RELEASE_SHIFT: constant(uint256) = 56
_MODE_SHIFT: constant(uint256) = 112
_NEXT_SHIFT: constant(uint256) = 114
_MODE_MASK: constant(uint256) = 3 << _MODE_SHIFT


# @dev Where `queue` puts a record's model, above the record.
_MODEL_SHIFT: constant(uint256) = 160


# @dev Queue records, by round and model.
_pend: HashMap[uint256, HashMap[uint256, uint256]]


# @dev First model of each round's queue: its id + 1; 0 for an empty queue.
_q_head: HashMap[uint256, uint256]


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
            this page's last record; the queue ends where that is zero.
    @param k Any round.
    @param from_id_plus_1 A queued model's id + 1 to start at, or 0 for the first.
    @param n How many records at most, up to 1,024.
    @return DynArray The records as in `record_of`, each with its model's id at bit 160.
    """
    assert n <= PAGE, "pool: page too long"
    page: DynArray[uint256, PAGE] = []
    following: uint256 = from_id_plus_1
    if following == 0:
        following = self._q_head[k]
    for _: uint256 in range(n, bound=PAGE):
        if following == 0:
            break
        model: uint256 = following - 1
        record: uint256 = self._pend[k][model]
        assert record != 0, "pool: not queued"
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
        linked |= self._q_head[k] << _NEXT_SHIFT
        self._q_head[k] = model + 1
    self._pend[k][model] = linked
