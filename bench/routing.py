"""How many routing decisions a core makes with 200 reps and 50 rules, and what its parts cost.

`python -m bench.routing [--leads 20000] [--runs 3]`. One process, no database; seconds are of the CPU, so that
neighbours on the machine disturb less. Each row decides about the same leads from an empty board: by the rules whole,
without a score, without expressions, and by one rule for all. "bare turns" is the bound for this machine at this hour:
a plain scan for the lowest share among as many candidates as the row above had. A batch of 250 leads is what a
transaction decides; "grounds" is what packing each decision for its explanation adds.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import struct
import time
from dataclasses import replace
from datetime import UTC, datetime
from statistics import mean, median
from typing import TYPE_CHECKING
from uuid import UUID

from assignment.domain.board import Board
from assignment.domain.candidates import Router
from assignment.domain.leads import Lead, LeadId, Precision, Profile, RepId, Traits
from assignment.domain.reps import Rep, Roster
from assignment.domain.routing import Assigned, most_urgent_first, route
from assignment.policies import read_rules
from assignment.policies.rule_faults import places
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from assignment.domain.rules import Rules

REPS = 200
RULES = 50
EXPRESSIONS = 10
BATCH = 250
TARGET_PER_S = 5_000
NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
SCORE = (
    'score: {expression: \'(tier == "三甲" ? 40.0 : tier == "二甲" ? 25.0 : 10.0)'
    " + min(budget / 100000.0, 30.0) + past_spend / 50000.0 * 15.0', above: 75, tag: 重点客户}\n"
)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.routing", description=__doc__)
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3, help="the median is told")
    options = parser.parse_args()
    console = Console()
    console.print(
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; target {TARGET_PER_S}/s"
    )
    chance = random.Random(11)
    leads = [made_lead(chance, number) for number in range(options.leads)]
    roster = Roster.of(1, [made_rep(chance, number) for number in range(REPS)])
    columns = ("rules", "candidates", "decisions/s", "us each", "bare turns/s", "with grounds/s")
    table = Table(*columns, box=None, pad_edge=False)
    for name, rules in documents().items():
        table.add_row(name, *measured(rules, roster, leads, options.runs))
    console.print(table)


def measured(rules: Rules, roster: Roster, leads: Sequence[Lead], runs: int) -> list[str]:
    """The figures of one set of rules; the first pass finds the candidates of each profile and is not counted."""
    router = Router(rules, roster)
    decide(router, leads)
    seen = [len(step.eligible) for lead in leads[:1000] for step in router.path(lead).steps[:1]]
    width = mean(seen)
    spent = median(cpu_s(lambda: decide(router, leads)) for _ in range(runs))
    kept = median(cpu_s(lambda: decide(router, leads, keeps_grounds=True)) for _ in range(runs))
    bare = median(cpu_s(lambda: bare_turns(len(leads), round(width))) for _ in range(runs))
    count = len(leads)
    rates = (f"{count / spent:,.0f}", f"{spent / count * 1e6:.1f}", f"{count / bare:,.0f}")
    return [f"{width:.0f}", *rates, f"{count / kept:,.0f}"]


def decide(router: Router, leads: Sequence[Lead], *, keeps_grounds: bool = False) -> int:
    """Decides about all leads, in batches as transactions do; returns how many got an owner."""
    board = Board((), ())
    given = 0
    for start in range(0, len(leads), BATCH):
        paths = [router.path(lead) for lead in leads[start : start + BATCH]]
        for at in most_urgent_first([path.subject for path in paths]):
            ruling = route(paths[at], board)
            given += isinstance(ruling, Assigned)
            if keeps_grounds:
                for step in ruling.steps:
                    struct.pack(f"<{len(step.counts)}I", *step.counts)
    return given


def bare_turns(count: int, width: int) -> None:
    """The same number of turns among as many people, by nothing but a scan for the lowest share."""
    shares = [0] * max(1, width)
    for _ in range(count):
        lowest, chosen = shares[0], 0
        for at, share in enumerate(shares):
            if share < lowest:
                lowest, chosen = share, at
        shares[chosen] += 1


def cpu_s(work: Callable[[], object]) -> float:
    """Seconds of this process' CPU that some work takes."""
    gc.collect()
    before = time.process_time()
    work()
    return time.process_time() - before


def documents() -> dict[str, Rules]:
    """The sets of rules that are measured."""
    whole = document(SCORE, expressions=EXPRESSIONS)
    rules = read_rules(whole, version=1)
    return {
        f"{RULES} rules, {EXPRESSIONS} expressions, score": rules,
        f"{RULES} rules, {EXPRESSIONS} expressions": read_rules(
            document("", expressions=EXPRESSIONS), version=1
        ),
        f"{RULES} rules": read_rules(document("", expressions=0), version=1),
        f"{RULES} rules, everybody a candidate": read_rules(
            whole.replace("cover: province, industries: match", "cover: any, industries: any"),
            version=1,
        ),
        "1 rule": replace(rules, rules=rules.rules[-1:], scope=None, scoring=None),
    }


def document(score: str, *, expressions: int) -> str:
    """50 rules: some with an expression, the others each for a city and an industry, the last for all."""
    chance = random.Random(5)
    lines = ["source_weights: {sem: 1.5, organic: 0.7}", 'attributes: {tier: "", past_spend: 0}']
    lines += [
        score,
        "pools: [{id: hq, reps: all}]",
        "fallback: {pool: hq, owner: rep-000}",
        "rules:",
    ]
    cities = sorted((city, name) for name, all_of in places().cities_of.items() for city in all_of)
    for number in range(RULES - 1):
        if number < expressions:
            when = f"where: 'budget > {9_000_000 + number}.0 && tier == \"特级\"'"
        else:
            city, province = chance.choice(cities)
            when = f"provinces: [{province}], cities: [{city}], products: [DH-{number}]"
        lines.append(f"  - {{id: rule-{number}, when: {{{when}}},")
        lines.append("     candidates: {cover: any, industries: match}, reps: all}")
    lines.append("  - {id: rest, candidates: {cover: province, industries: match}, reps: all}")
    return "\n".join(lines) + "\n"


def made_rep(chance: random.Random, number: int) -> Rep:
    """A rep for some provinces and industries."""
    known = places()
    provinces = frozenset(chance.sample(sorted(known.cities_of), 12))
    return Rep(
        rep_id=RepId(f"rep-{number:03}"),
        manager_id="m",
        provinces=provinces,
        cities=frozenset(city for name in provinces for city in known.cities_of[name]),
        industries=frozenset(chance.sample(sorted(known.industries), 12))
        if number % 2
        else frozenset(),
        capacity=0,
        weight=1 + number % 3,
        active=True,
    )


def made_lead(chance: random.Random, number: int) -> Lead:
    """A lead from somewhere, worth something."""
    known = places()
    province = chance.choice(sorted(known.cities_of))
    city = chance.choice(sorted(known.cities_of[province]) or [""])
    precision = Precision.CITY if city else Precision.PROVINCE
    industry = chance.choice(sorted(known.industries))
    profile = Profile(province, city, precision, industry, chance.choice(["sem", "organic"]))
    attributes = {
        "tier": chance.choice(["三甲", "二甲", ""]),
        "past_spend": str(chance.randrange(90_000)),
    }
    return Lead(
        lead_id=LeadId(UUID(int=number)),
        golden_id=f"{number:064x}",
        channel="website_form",
        received_at=NOON,
        profile=profile,
        first_action="book_demo",
        phone_display="",
        traceparent=None,
        traits=Traits(f"DH-{number % 90}", float(chance.randrange(5_000_000)), attributes),
    )


if __name__ == "__main__":
    main()
