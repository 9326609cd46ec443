"""Splink on the FEBRL sets, run by the interpreter of the peers' environment: `.venv-peers/bin/python splink_peer.py`.

Reads a job (`rows`: one mapping per record, `hidden`: columns not to be used, `customers`: the truth) from standard
input and writes what it measured to standard output, as JSON. Imports nothing of this project. The configuration is
what its documentation recommends for people: Jaro-Winkler levels with term frequencies, edit distances for numbers, a
dozen blocking rules, `u` by random pairs and `m` by expectation and maximisation over two rules.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections import Counter

import duckdb
import pandas as pd
import splink.comparison_library as cl
from splink import Linker, SettingsCreator, block_on
from splink.backends.duckdb import DuckDBAPI

THRESHOLD = 0.85
PLACED = 5
RULES = (
    ("soc_sec_id",),
    ("date_of_birth",),
    ("given_name", "surname"),
    ("surname", "postcode"),
    ("given_name", "postcode"),
    ("surname", "suburb"),
    ("given_name", "suburb"),
    ("address_1",),
    ("address_2",),
    ("street_number", "postcode"),
    ("street_number", "suburb"),
    ("suburb", "postcode"),
)
TEXTS = ("given_name", "surname", "address_1", "address_2", "suburb", "state")
NUMBERS = ("street_number", "postcode", "date_of_birth", "soc_sec_id")


def main() -> None:
    """One job."""
    job = json.load(sys.stdin)
    frame = pd.DataFrame(job["rows"]).replace({"": None}).drop(columns=job["hidden"])
    frame["unique_id"] = range(len(frame))
    frame["dataset"] = "all"
    shown = set(frame.columns)
    api = DuckDBAPI(duckdb.connect())
    began = time.perf_counter()
    table = api.register(frame)
    linker = Linker(table, settings(shown), log_level=40)
    train(linker, shown)
    predicted = linker.inference.predict(threshold_match_probability=THRESHOLD)
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
        predicted, threshold_match_probability=THRESHOLD
    ).as_pandas_dataframe()
    batch_s = time.perf_counter() - began
    found = clusters.groupby("cluster_id")["unique_id"].apply(list).tolist()
    json.dump(
        {
            "f1": pair_f1(found, job["customers"]),
            "batch_s": batch_s,
            "place_one_s": place_one_s(linker, api, frame),
        },
        sys.stdout,
    )


def settings(shown: set[str]) -> SettingsCreator:
    """Comparisons and blocking rules over the columns there are."""
    comparisons = [
        cl.JaroWinklerAtThresholds(name, [0.92, 0.8]).configure(term_frequency_adjustments=True)
        for name in TEXTS
        if name in shown
    ] + [
        cl.DamerauLevenshteinAtThresholds(name, [1]).configure(term_frequency_adjustments=True)
        for name in NUMBERS
        if name in shown
    ]
    return SettingsCreator(
        link_type="dedupe_only",
        comparisons=comparisons,
        blocking_rules_to_generate_predictions=[
            block_on(*rule) for rule in RULES if set(rule) <= shown
        ],
        retain_matching_columns=False,
    )


def train(linker: Linker, shown: set[str]) -> None:
    """Prior by a deterministic rule, `u` by random pairs, `m` over two rules."""
    linker.training.estimate_probability_two_random_records_match(
        [block_on("given_name", "surname", "postcode"), block_on("address_1", "suburb")], recall=0.7
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (("given_name", "surname"), ("suburb", "postcode"), ("date_of_birth",)):
        if set(rule) <= shown:
            linker.training.estimate_parameters_using_expectation_maximisation(block_on(*rule))


def place_one_s(linker: Linker, api: DuckDBAPI, frame: pd.DataFrame) -> float:
    """Seconds to find the customers of one record among all others, by the trained model; the median of five."""
    base = api.register(frame.iloc[PLACED:])
    for column in (*TEXTS, *NUMBERS):
        if column in frame.columns:
            linker.table_management.compute_tf_table(column)
    taken = []
    for at in range(PLACED):
        one = api.register(frame.iloc[at : at + 1])
        began = time.perf_counter()
        linker.inference.predict_between(
            base, one, threshold_match_probability=THRESHOLD
        ).as_pandas_dataframe()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def pair_f1(found: list[list[int]], customers: list[str]) -> float:
    """F1 over the pairs of records put together."""
    together = sum(len(part) * (len(part) - 1) // 2 for part in found)
    true = sum(times * (times - 1) // 2 for times in Counter(customers).values())
    right = sum(
        customers[a] == customers[b] for part in found for a, b in itertools.combinations(part, 2)
    )
    return 2 * right / (together + true)


if __name__ == "__main__":
    main()
