"""Contracts, payments, and plans of payments."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from engagement.domain.money import Contract, ContractState, Payment, PaymentState
from engagement.domain.opportunities import State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from engagement.domain.stages import Machine

UNMATCHED_MAX = 500

_CONTRACT_COLUMNS = "contract_id, number, state, reported_at, golden_id, reference, lead_id"
_PAYMENT_COLUMNS = """
  payment_id, voucher_no, order_no, state, amount_minor, currency, paid_at, golden_id, reference, lead_id, problem
"""
# A platform's newest word stands, a signature that was revoked included.
_KEEP_CONTRACT = f"""
insert into contracts as kept ({_CONTRACT_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7)
on conflict (contract_id) do update set
  state = case when excluded.reported_at >= kept.reported_at then excluded.state else kept.state end,
  reported_at = greatest(kept.reported_at, excluded.reported_at),
  golden_id = coalesce(nullif(kept.golden_id, ''), excluded.golden_id),
  reference = coalesce(nullif(kept.reference, ''), excluded.reference)
returning {_CONTRACT_COLUMNS}
"""
# Money that came stays ours whatever an older notice says later; a refund is a payment of its own.
_KEEP_PAYMENT = f"""
insert into payments as kept ({_PAYMENT_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (payment_id) do update set
  state = case when kept.state in ({PaymentState.RECEIVED:d}, {PaymentState.REFUNDED:d}) then kept.state
               else excluded.state end,
  amount_minor = case when kept.state = {PaymentState.PENDING:d} then excluded.amount_minor else kept.amount_minor end,
  paid_at = case when kept.state = {PaymentState.PENDING:d} then excluded.paid_at else kept.paid_at end,
  golden_id = coalesce(nullif(kept.golden_id, ''), excluded.golden_id),
  reference = coalesce(nullif(kept.reference, ''), excluded.reference)
returning {_PAYMENT_COLUMNS}
"""
_GIVE_CONTRACT = "update contracts set lead_id = $2 where contract_id = $1"
_GIVE_PAYMENT = "update payments set lead_id = $2, problem = $3 where payment_id = $1"
_CONTRACTS_OF = f"select {_CONTRACT_COLUMNS} from contracts where lead_id = $1 order by reported_at, contract_id"
_PAYMENTS_OF = f"""
select {_PAYMENT_COLUMNS} from payments where lead_id = $1 and problem = '' order by paid_at, payment_id
"""
_PAYMENT = f"select {_PAYMENT_COLUMNS} from payments where payment_id = $1 for update"
_UNMATCHED = f"""
select {_PAYMENT_COLUMNS} from payments where problem <> '' order by paid_at desc, payment_id limit {UNMATCHED_MAX}
"""
# What may have waited for this deal: of its customer, or naming its opportunity or contract.
_WAITING = f"""
select {_PAYMENT_COLUMNS} from payments
where problem <> '' and (
  (golden_id <> '' and golden_id = $1) or order_no = any($2::text[]) or reference = any($3::text[])
)
order by paid_at, payment_id for update
"""
_CANDIDATES = f"""
select o.lead_id, exists (
  select from contracts c where c.lead_id = o.lead_id and c.state = {ContractState.SIGNED:d}
) as is_signed
from opportunities o where o.golden_id = $1 and o.state in ({State.OPEN:d}, {State.WON:d}) and o.opened_at is not null
order by o.opened_at, o.lead_id
"""
_BY_SERIAL = "select lead_id from opportunities where serial = $1 and opened_at is not null"
_BY_CONTRACT_NO = "select lead_id from stages where contract_no = $1 and contract_no <> '' order by lead_id limit 2"
_PLAN = """
insert into payments_due (lead_id, part_no, part, amount_minor, due_at)
select $1, t.* from unnest($2::int2[], $3::text[], $4::int8[], $5::timestamptz[]) as t on conflict do nothing
"""
_PLANNED = "select part, amount_minor, due_at from payments_due where lead_id = $1 order by part_no"


async def keep_contract(raw: asyncpg.Connection, contract: Contract) -> Contract:
    """Keeps what a platform told of a contract; returns all that is known of it."""
    row = await raw.fetchrow(
        _KEEP_CONTRACT,
        contract.contract_id,
        contract.number,
        contract.state,
        contract.reported_at,
        contract.golden_id,
        contract.reference,
        contract.lead_id,
    )
    return _contract(row)


async def keep_payment(raw: asyncpg.Connection, payment: Payment) -> Payment:
    """Keeps what a provider told of a payment; returns all that is known of it."""
    row = await raw.fetchrow(
        _KEEP_PAYMENT,
        payment.payment_id,
        payment.voucher_no,
        payment.order_no,
        payment.state,
        payment.amount_minor,
        payment.currency,
        payment.paid_at,
        payment.golden_id,
        payment.reference,
        payment.lead_id,
        payment.problem,
    )
    return _payment(row)


async def give_contract(raw: asyncpg.Connection, contract_id: UUID, lead_id: UUID) -> None:
    """Makes a contract a deal's."""
    await raw.execute(_GIVE_CONTRACT, contract_id, lead_id)


async def give_payment(
    raw: asyncpg.Connection, payment_id: UUID, lead_id: UUID | None, problem: str
) -> None:
    """Makes a payment a deal's, or says why it is none's."""
    await raw.execute(_GIVE_PAYMENT, payment_id, lead_id, problem)


async def contracts_of(raw: asyncpg.Connection, lead_id: UUID) -> list[Contract]:
    """A deal's contracts."""
    return [_contract(row) for row in await raw.fetch(_CONTRACTS_OF, lead_id)]


async def payments_of(raw: asyncpg.Connection, lead_id: UUID) -> list[Payment]:
    """The payments that count for a deal."""
    return [_payment(row) for row in await raw.fetch(_PAYMENTS_OF, lead_id)]


async def lock_payment(raw: asyncpg.Connection, payment_id: UUID) -> Payment | None:
    """One payment, which nobody else matches until the transaction ends."""
    row = await raw.fetchrow(_PAYMENT, payment_id)
    return None if row is None else _payment(row)


async def unmatched(raw: asyncpg.Connection) -> list[Payment]:
    """Payments that count for no deal, newest first, at most `UNMATCHED_MAX`."""
    return [_payment(row) for row in await raw.fetch(_UNMATCHED)]


async def waiting(
    raw: asyncpg.Connection, golden_id: str, order_nos: Sequence[str], references: Sequence[str]
) -> list[Payment]:
    """Payments without a deal that may be for one: of its customer, or naming one of its numbers or references."""
    return [_payment(row) for row in await raw.fetch(_WAITING, golden_id, order_nos, references)]


async def candidates(raw: asyncpg.Connection, golden_id: str) -> list[tuple[UUID, bool]]:
    """A customer's deals that are open or won, and whether each has a signed contract."""
    return [(row["lead_id"], row["is_signed"]) for row in await raw.fetch(_CANDIDATES, golden_id)]


async def by_serial(raw: asyncpg.Connection, serial: int) -> UUID | None:
    """The deal of an opportunity's number."""
    lead_id: UUID | None = await raw.fetchval(_BY_SERIAL, serial)
    return lead_id


async def by_contract_no(raw: asyncpg.Connection, contract_no: str) -> UUID | None:
    """The deal of a contract's number; None when there is none, or several."""
    rows = await raw.fetch(_BY_CONTRACT_NO, contract_no)
    return rows[0]["lead_id"] if len(rows) == 1 else None


async def plan(
    raw: asyncpg.Connection, machine: Machine, lead_id: UUID, *, amount_minor: int, now: datetime
) -> None:
    """Makes the plan of payments of a deal, whose parts add up to the amount; one that is made stays."""
    parts = machine.payment_plan
    amounts = [amount_minor * each.percent // 100 for each in parts]
    amounts[-1] += amount_minor - sum(amounts)
    await raw.execute(
        _PLAN,
        lead_id,
        list(range(1, len(parts) + 1)),
        [each.part for each in parts],
        amounts,
        [now + timedelta(days=each.due_days) for each in parts],
    )


async def planned(raw: asyncpg.Connection, lead_id: UUID) -> list[tuple[str, int, datetime]]:
    """The parts of a plan: word, amount in the smallest unit, and when it is due."""
    return [tuple(row) for row in await raw.fetch(_PLANNED, lead_id)]


def _contract(row: asyncpg.Record) -> Contract:
    return Contract(**{**dict(row), "state": ContractState(row["state"])})


def _payment(row: asyncpg.Record) -> Payment:
    return Payment(**{**dict(row), "state": PaymentState(row["state"])})
