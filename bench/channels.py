"""How many leads (or other facts) of each channel a core reads: every sample that ships, through `read_delivery`.

`python -m bench.channels [--runs 5]`. One process, no sockets and no database; the time is that of the CPU. A sample is
read again and again, so that texts are remembered as they are when customers repeat them: what no two leads have in
common is measured by `bench.normalising`. Beside each: the bare decoding of the same bytes.
"""

from __future__ import annotations

import argparse
import os
import time
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from lead_intake.channels.channel_files import load_channels, load_templates
from lead_intake.channels.decoding import decoded
from lead_intake.channels.shipped_samples import load_samples
from lead_intake.reading import load_lexicons
from lead_intake.reading.sample_runs import read_sample
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

READ_MIN_S = 0.02
"""How long one figure is measured at least."""


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.channels", description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=5, help="runs of each figure; the median is told"
    )
    options = parser.parse_args()
    console = Console()
    console.print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    console.print(table(options.runs))


def table(runs: int) -> Table:
    """Microseconds an item, and how many items a second, for the first sample of each channel and template."""
    channels, lexicons = load_channels(), load_lexicons()
    files = {**channels, **load_templates()}
    shown = Table("channel or template", "items", "µs an item", "a second", "times bare decoding")
    for name, samples in load_samples().items():
        file, sample = files[name], samples[0]
        items = max(1, len(sample.expected))

        spent_us = _us_each(partial(read_sample, file, sample, lexicons), runs)
        bare_us = _us_each(partial(decoded, file.reading.body, sample.raw), runs)
        shown.add_row(
            name, str(items), f"{spent_us / items:.1f}", f"{1e6 * items / spent_us:,.0f}",
            f"{spent_us / bare_us:.1f}",
        )  # fmt: skip
    return shown


def _us_each(measured: Callable[[], object], runs: int) -> float:
    """The median of `runs` measurements."""
    count = 1
    while _spent_s(measured, count) < READ_MIN_S:
        count *= 2
    return median(_spent_s(measured, count) for _ in range(runs)) / count * 1e6


def _spent_s(measured: Callable[[], object], count: int) -> float:
    began_s = time.process_time()
    for _ in range(count):
        measured()
    return time.process_time() - began_s


if __name__ == "__main__":
    main()
