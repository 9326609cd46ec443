"""Decides what may be said of principals: who they are never changes, and epochs only grow."""

from collections.abc import Mapping, Sequence

import msgspec
from accesskit.changes import PrincipalPut
from accesskit.facts import checked_name
from servicekit.errors import Conflict, Invalid, TooLarge

PRINCIPALS_MAX = 1000
EPOCH_MAX = 2**31 - 1
TYPES = frozenset({"user", "service"})
STATUSES = frozenset({"active", "suspended", "departed"})


class TooManyPrincipals(TooLarge):
    """More principals in one request than one transaction should write."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} principals; at most {PRINCIPALS_MAX} are written at once")
        self.count = count


class BadPrincipal(Invalid):
    """`what` of a principal is none of those that exist, or is stated twice."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} of a principal is not acceptable")
        self.what = what


class EpochGoesBack(Conflict):
    """Tokens that were void would count again."""

    def __init__(self, principal_id: str) -> None:
        super().__init__(f"the epoch of {principal_id} never goes back")
        self.principal_id = principal_id


class TypeChanges(Conflict):
    """A user would become a service, or the reverse."""

    def __init__(self, principal_id: str) -> None:
        super().__init__(f"{principal_id} is of another type")
        self.principal_id = principal_id


def checked(wanted: Sequence[PrincipalPut]) -> Sequence[PrincipalPut]:
    """The principals themselves; raises for what no state of affairs could make right."""
    if not wanted:
        raise BadPrincipal("the list")
    if len(wanted) > PRINCIPALS_MAX:
        raise TooManyPrincipals(len(wanted))
    if len({put.principal_id for put in wanted}) < len(wanted):
        raise BadPrincipal("the id")
    for put in wanted:
        checked_name(put.principal_id, "principal id")
        if put.type not in TYPES:
            raise BadPrincipal("the type")
        if put.status not in STATUSES:
            raise BadPrincipal("the status")
        if not 0 <= put.epoch <= EPOCH_MAX:
            raise BadPrincipal("the epoch")
    return wanted


def news_in(
    wanted: Sequence[PrincipalPut], known: Mapping[str, PrincipalPut]
) -> list[PrincipalPut]:
    """What changes, with the epochs that it gets; raises `EpochGoesBack` or `TypeChanges`."""
    decided = [_decided(put, known.get(put.principal_id)) for put in wanted]
    return [put for put in decided if put != known.get(put.principal_id)]


def with_next_epoch(principal: PrincipalPut) -> PrincipalPut:
    """The same principal, all of whose tokens are void."""
    return msgspec.structs.replace(principal, epoch=principal.epoch + 1)


def _decided(put: PrincipalPut, known: PrincipalPut | None) -> PrincipalPut:
    if known is None:
        return msgspec.structs.replace(put, epoch=put.epoch or 1)
    if put.type != known.type:
        raise TypeChanges(put.principal_id)
    if put.epoch and put.epoch < known.epoch:
        raise EpochGoesBack(put.principal_id)
    leaves = known.status == "active" != put.status
    epoch = max(put.epoch, known.epoch + 1 if leaves else known.epoch)
    return msgspec.structs.replace(put, epoch=epoch)
