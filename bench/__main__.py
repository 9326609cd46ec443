"""`make bench`: every figure beside a raw limit of the same run, as a table and as JSON under bench/results/.

All on one machine: the load generator, NATS (`sync_interval: always`), PostgreSQL (fsync) and every service.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from bench import limits
from bench.chain import CONNECTIONS, Chain, running_chain

if TYPE_CHECKING:
    from bench.programs import Figures

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Measures, prints, and writes the JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=3, help="runs of each figure; the median is told"
    )
    parser.add_argument("--burst", type=int, default=5000, help="deliveries of a burst")
    options = parser.parse_args()
    console = Console()
    found = asyncio.run(measure(console, options.runs, options.burst))
    console.print(table(found))
    console.print(cpu_table(found["burst"]))
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps(found, indent=1))
    console.print(f"all runs: bench/results/{file.name}")


async def measure(console: Console, runs: int, burst: int) -> dict[str, Any]:
    """Everything, in an order in which nothing disturbs what comes after."""
    found: dict[str, Any] = {"cores": os.cpu_count(), "load_before": os.getloadavg()[0]}
    console.print("the raw limits ...")
    found["bare_route"] = limits.bare_route(2 * burst, CONNECTIONS, runs)
    found["kit_consumer"], found["raw_consumer"] = limits.consumers(runs)
    with tempfile.TemporaryDirectory() as folder:
        async with running_chain(Path(folder) / "stack") as chain:
            await chain.load(500)
            console.print(f"bursts of {burst} deliveries ...")
            found["burst"] = await repeated(chain, runs, burst, None)
            console.print("200 a second ...")
            found["paced_200"] = await repeated(chain, runs, 2000, 200.0)
            console.print("1,000 a second ...")
            found["paced_1000"] = await repeated(chain, runs, 5000, 1000.0)
            found["missing"] = await chain.missing()
    return found


async def repeated(chain: Chain, runs: int, count: int, rate: float | None) -> Figures:
    """Medians over several loads, and every load."""
    found = [await chain.load(count, rate=rate) for _ in range(runs)]
    numbers = [key for key, value in found[0].items() if isinstance(value, int | float)]
    middle: Figures = {key: median(one[key] for one in found) for key in numbers}
    names = found[0]["cpu_us_per_lead"]
    middle["cpu_us_per_lead"] = {
        name: median(one["cpu_us_per_lead"].get(name, 0) for one in found) for name in names
    }
    return middle | {"runs": found}


def table(found: dict[str, Any]) -> Table:
    """Figure, its raw limit of the same run, their ratio, and the target."""
    shown = Table("figure", "measured", "raw limit", "ratio", "target", title="medians")
    burst, slow, fast = found["burst"], found["paced_200"], found["paced_1000"]
    _row(
        shown,
        "durable accepts/s in a burst",
        burst["accepts_per_s"],
        found["bare_route"]["per_second"],
        ">= 5,000",
    )
    _row(shown, "accept p99 at 1,000/s, ms", fast["accept_p99_ms"], None, "< 100")
    _row(shown, "leads/s end to end in a burst", burst["leads_per_s"], None, ">= 1,000")
    _row(shown, "accept to reminded p50 at 200/s, ms", slow["reminded_p50_ms"], None, "")
    _row(shown, "accept to reminded p99 at 200/s, ms", slow["reminded_p99_ms"], None, "< 1,000")
    _row(shown, "accept to reminded p99 in a burst, ms", burst["reminded_p99_ms"], None, "< 10,000")
    _row(
        shown,
        "consumer events/s",
        found["kit_consumer"]["per_second"],
        found["raw_consumer"]["per_second"],
        ">= 6,000",
    )
    _row(shown, "leads missing", found["missing"], None, "0")
    return shown


def cpu_table(burst: Figures) -> Table:
    """CPU time a lead of each process: the budget."""
    shown = Table("process", "CPU µs per lead", title="in a burst")
    for name, spent in burst["cpu_us_per_lead"].items():
        shown.add_row(name, f"{spent:,.0f}")
    shown.add_row("together", f"{sum(burst['cpu_us_per_lead'].values()):,.0f}")
    return shown


def _row(shown: Table, name: str, value: float, limit: float | None, target: str) -> None:
    ratio = f"{value / limit:.2f}" if limit else ""
    shown.add_row(name, f"{value:,.0f}", f"{limit:,.0f}" if limit else "", ratio, target)


if __name__ == "__main__":
    main()
