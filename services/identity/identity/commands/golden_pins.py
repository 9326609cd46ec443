"""What stewards do about values: set one, let the systems decide again, put an old one back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicekit.errors import Unavailable

from identity.commands.golden import Renewal
from identity.domain.customers import CustomerNotFound
from identity.domain.golden_changes import (
    Cause,
    NoSuchChange,
    NoSuchPin,
    NothingToRestore,
    checked_pin,
)
from identity.store import golden, golden_history, golden_pins
from identity.store.customers import customer_of
from identity.store.golden_pins import NewPin

if TYPE_CHECKING:
    from servicekit.database import UnitOfWork

    from identity.commands.golden import GoldenRecords
    from identity.domain.customers import Customer

TRIES_MAX = 3


async def pin_value(uow: UnitOfWork, records: GoldenRecords, customer_id: str, new: NewPin) -> int:
    """Sets a value against whatever the systems say; returns the version of the golden record.

    Raises `CustomerNotFound`, `InvalidPin`, `FieldIsLocked` and `Unavailable`.
    """
    field, text, reason = checked_pin(new.field, new.text, new.reason)
    plain = NewPin(field, text, new.actor, reason, new.restored_change_id)
    return await _pin(uow, records, await _held(uow, records, customer_id), plain, Cause.PINNED)


async def release_pin(
    uow: UnitOfWork, records: GoldenRecords, customer_id: str, *, field: str, actor: str
) -> int:
    """Lets the systems decide about a field again; returns the version of the golden record.

    Raises `CustomerNotFound`, `NoSuchPin` and `Unavailable`.
    """
    customer = await _held(uow, records, customer_id)
    number = customer.customer_id
    if not await golden_pins.release(uow.raw, number, field, at=uow.now, actor=actor):
        raise NoSuchPin(field)
    return await _renewed(uow, records, customer, Cause.RELEASED, actor)


async def restore_value(
    uow: UnitOfWork,
    records: GoldenRecords,
    customer_id: str,
    change_id: int,
    *,
    actor: str,
    reason: str,
) -> tuple[int, str]:
    """Puts the old value of a change back; returns the version of the golden record, and the field.

    Raises `CustomerNotFound`, `NoSuchChange`, `NothingToRestore`, `InvalidPin`, `FieldIsLocked` and `Unavailable`.
    """
    customer = await _held(uow, records, customer_id)
    change = await golden_history.one_of_customer(
        uow.raw, records.archive.golden_seals, customer.customer_id, change_id
    )
    if change is None:
        raise NoSuchChange
    if change.old is None:
        raise NothingToRestore
    field, text, why = checked_pin(change.field, change.old.text, reason)
    new = NewPin(field, text, actor, why, change_id)
    return await _pin(uow, records, customer, new, Cause.RESTORED), change.field


async def _pin(
    uow: UnitOfWork, records: GoldenRecords, customer: Customer, new: NewPin, cause: Cause
) -> int:
    (await records.archive.policies.current(uow.raw)).check_pin(new.field)
    await golden_pins.release(uow.raw, customer.customer_id, new.field, at=uow.now, actor=new.actor)
    await golden_pins.pin(
        uow.raw, records.archive.golden_seals, customer.golden_id, new, at=uow.now
    )
    return await _renewed(uow, records, customer, cause, new.actor)


async def _held(uow: UnitOfWork, records: GoldenRecords, customer_id: str) -> Customer:
    """The customer, whose golden record nobody else changes until the transaction ends."""
    for _ in range(TRIES_MAX):
        customer = await customer_of(uow.raw, customer_id)
        if customer is None:
            raise CustomerNotFound
        await golden.hold(uow.raw, records.archive.golden_seals, [customer.customer_id])
        again = await customer_of(uow.raw, customer_id)
        if again is not None and again.customer_id == customer.customer_id:
            return again
    raise Unavailable("the customer is being merged")


async def _renewed(
    uow: UnitOfWork, records: GoldenRecords, customer: Customer, cause: Cause, actor: str
) -> int:
    number = customer.customer_id
    made = await records.renew(uow, [number], Renewal(cause, actor, looks_for_pins=True))
    return made[number].version
