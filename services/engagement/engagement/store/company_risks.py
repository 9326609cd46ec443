"""Risks that registers tell about customers' companies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.domain.opportunities import State
from engagement.domain.watches import CompanyRisk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

    from engagement.domain.watches import RiskRule

_COLUMNS = "risk_id, golden_id, kind, severity, case_count, detected_at"
# A register's newest word stands; of two of the same time the greater one.
_KEEP = f"""
insert into company_risks as kept ({_COLUMNS}, told_at)
select distinct on (t.risk_id) t.risk_id, coalesce(a.into_golden_id, t.golden_id), t.kind, t.severity, t.case_count,
  t.detected_at, t.told_at
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::timestamptz[], $7::timestamptz[])
  as t ({_COLUMNS}, told_at)
left join golden_aliases a on a.golden_id = t.golden_id
order by t.risk_id, t.told_at desc, t.kind desc, t.severity desc, t.case_count desc nulls last
on conflict (risk_id) do update set
  kind = excluded.kind, severity = excluded.severity, case_count = excluded.case_count,
  detected_at = excluded.detected_at, told_at = excluded.told_at
where (excluded.told_at, excluded.kind, excluded.severity, coalesce(excluded.case_count, -1))
  > (kept.told_at, kept.kind, kept.severity, coalesce(kept.case_count, -1))
"""
_TAKE = f"""
update company_risks set is_told = true
where risk_id in (
  select r.risk_id from company_risks r
  where not r.is_told and r.detected_at >= $1 and lower(r.kind) = any($2::text[])
    and exists (
      select from opportunities o
      where o.golden_id = r.golden_id and o.state = {State.OPEN:d} and o.opened_at is not null
    )
  order by r.detected_at, r.risk_id limit $3 for update of r skip locked
)
returning {_COLUMNS}
"""


async def keep(raw: asyncpg.Connection, risks: Sequence[tuple[CompanyRisk, datetime]]) -> None:
    """Keeps risks, each as it was told last, by when it was told."""
    await raw.execute(
        _KEEP,
        [risk.risk_id for risk, _ in risks],
        [risk.golden_id for risk, _ in risks],
        [risk.kind for risk, _ in risks],
        [risk.severity for risk, _ in risks],
        [risk.case_count for risk, _ in risks],
        [risk.detected_at for risk, _ in risks],
        [told_at for _, told_at in risks],
    )


async def take(
    raw: asyncpg.Connection, rule: RiskRule, *, now: datetime, limit: int
) -> list[CompanyRisk]:
    """Risks of the rule's kinds about customers with an open opportunity, each once."""
    rows = await raw.fetch(_TAKE, now - rule.within, list(rule.kinds), limit)
    return [CompanyRisk(**dict(row)) for row in rows]
