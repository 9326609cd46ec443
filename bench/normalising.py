"""How many leads a core maps and normalises: website forms, through `read_delivery`, no two of them alike.

`python -m bench.normalising [--leads 20000] [--runs 5]`. One process, no sockets and no database; the time is that of
the CPU, so that neighbours on the machine disturb less. Beside the rate: what each part costs by itself, the bare
decoding of the same bytes, and how many of the labelled phrases are read as a person reads them.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import msgspec
import yaml
from lead_intake.channels.channel_files import load_channels
from lead_intake.domain.leads import Understood
from lead_intake.normalising.companies import company_name
from lead_intake.normalising.credit_codes import read_credit_code
from lead_intake.normalising.divisions import load_divisions
from lead_intake.normalising.emails import read_email
from lead_intake.normalising.names import read_name
from lead_intake.normalising.phone_numbers import read_phones
from lead_intake.reading import load_lexicons, read_delivery
from leadctl.demo.people import credit_code
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TARGET_PER_S = 5_000
PHRASES = (
    Path(__file__).resolve().parents[1]
    / "services/lead-intake/tests/normalising/industry_phrases.yaml"
)
SURNAMES, SIGNS = "赵钱孙李周吴郑王冯陈", "嘉思雨子梓欣浩俊佳宇若亦书清念"
FORMS_OF_ADDRESS = ("", "", "", "先生", "女士", "总")
TRADES = ("精密", "联合", "启程", "恒信", "云帆", "百川")
LEGAL_FORMS = ("有限公司", "有限责任公司", "股份有限公司", "(深圳)有限公司", "集团")
SPELLINGS = (
    "{0}{1}{2}", "{0}{1}{2}", "{0}{1}{2}", "{0} {1} {2}", "+86 {0}-{1}-{2}", "0086{0}{1}{2}",
    "{0}****{2}", "手机:{0}{1}{2}", "{0}{1}{2}(微信同号)", "0755-2612{2}", "{0}{1}{2}/139{1}{2}",
)  # fmt: skip


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.normalising", description=__doc__)
    parser.add_argument("--leads", type=int, default=20_000, help="leads of one run")
    parser.add_argument(
        "--runs", type=int, default=5, help="runs of each figure; the median is told"
    )
    options = parser.parse_args()
    console = Console()
    console.print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {options.leads:,} leads a run"
    )
    console.print(table(options.leads, options.runs))
    right, total = judged()
    console.print(f"labelled industries read right: {right} of {total} ({right / total:.1%})")


def table(count: int, runs: int) -> Table:
    """The whole way and its parts: microseconds a lead, and how many a second."""
    forms = [form(number) for number in range(count * runs)]
    batches = [forms[first : first + count] for first in range(0, len(forms), count)]
    shown = Table("part", "µs a lead", "a second", title="medians, no two leads alike")
    bare_us = 0.0
    for name, measured, prepared in parts():
        spent = median(_us_each(measured, list(map(prepared, batch))) for batch in batches)
        bare_us = bare_us or spent
        ratio = f", {spent / bare_us:.1f} times bare decoding" if name == WHOLE else ""
        shown.add_row(f"{name}{ratio}", f"{spent:.1f}", f"{1e6 / spent:,.0f}")
    return shown


WHOLE = f"read_delivery (target >= {TARGET_PER_S:,} a second)"


def parts() -> list[tuple[str, Callable[[Any], object], Callable[[dict[str, Any]], Any]]]:
    """Each part with what it is called for, and how its input is made from a form; the bare decoding is first."""
    rules, lexicons = load_channels()["website_form"].reading, load_lexicons()

    def whole(raw: bytes) -> object:
        (finding,) = read_delivery(rules, raw, lexicons)
        assert isinstance(finding, Understood)
        return finding

    def mapped(document: Any) -> object:
        return rules.table.values_of(document)

    def field(name: str) -> Callable[[dict[str, Any]], Any]:
        return lambda made: made["fields"][name]

    return [
        ("bare msgspec.json.decode", msgspec.json.decode, msgspec.json.encode),
        (WHOLE, whole, msgspec.json.encode),
        ("  mapping", mapped, lambda made: made),
        ("  phones", read_phones, field("mobile")),
        ("  region", lambda text: lexicons.gazetteer.resolve_all("", text), field("address")),
        ("  industry", lexicons.industries.read, field("industry")),
        ("  name", read_name, field("name")),
        ("  e-mail", read_email, field("email")),
        ("  company", company_name, field("company")),
        ("  credit code", read_credit_code, field("uscc")),
    ]


def form(number: int) -> dict[str, Any]:
    """A website form that is like no other: own phone, address, company, e-mail and credit code."""
    chance = random.Random(number)
    middle, end = divmod(number, 10_000)
    spelling = SPELLINGS[number % len(SPELLINGS)]
    place = PLACES[number % len(PLACES)]
    fields = {
        "name": chance.choice(SURNAMES) + chance.choice(SIGNS) + chance.choice(FORMS_OF_ADDRESS),
        "mobile": spelling.format("138", f"{middle:04}", f"{end:04}"),
        "email": f"Buyer{number}@Example.COM",
        "company": f"示例{number}{chance.choice(TRADES)}{chance.choice(LEGAL_FORMS)}",
        "uscc": credit_code(71_000_003 + number),
        "address": f"{place}科技路{number}号",
        "industry": f"{chance.choice(LABELLED)} {number}",
    }
    campaign = f"utm_source=baidu&utm_medium=cpc&utm_campaign=c{number}"
    return {
        "fields": fields,
        "page": {
            "url": f"https://www.example.com/lp?{campaign}",
            "referrer": "https://www.baidu.com/",
        },
        "first_action": "book_demo",
        "consent": {"checked_at": "2026-01-25T13:30:00+08:00", "notice_version": "3"},
        "hp": "",
    }


def judged() -> tuple[int, int]:
    """How many labelled phrases are read as a person reads them, and of how many."""
    industries = load_lexicons().industries
    pairs = [(phrase, tag) for tag, phrases in _phrases().items() for phrase in phrases]
    return sum(industries.tag_of(phrase) == tag for phrase, tag in pairs), len(pairs)


def _phrases() -> dict[str, list[str]]:
    phrases: dict[str, list[str]] = yaml.safe_load(PHRASES.read_text("utf-8"))
    return phrases


def _us_each(measured: Callable[[Any], object], inputs: Sequence[Any]) -> float:
    gc.collect()
    gc.freeze()  # the inputs of all runs are no garbage, and no service holds so many
    started = time.process_time()
    for each in inputs:
        measured(each)
    return (time.process_time() - started) / len(inputs) * 1e6


LABELLED = [phrase for phrases in _phrases().values() for phrase in phrases]
PLACES = [division.full_name for division in load_divisions()[0].values()]


if __name__ == "__main__":
    main()
