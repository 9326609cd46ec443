"""Every known way of tampering is found and named, and nothing is found in a log that is sound."""

import random
from pathlib import Path

import pytest
from auditor.campaign import run, stage_of_specimen
from auditor.mutations import WAYS

ROUNDS = 12


@pytest.mark.parametrize("way", [way.__name__ for way in WAYS])
def test_every_way_of_tampering_is_found_and_named(way: str, tmp_path: Path) -> None:
    chosen = next(each for each in WAYS if each.__name__ == way)
    stage, rng = stage_of_specimen(), random.Random(way)

    scores = run(stage, ROUNDS, rng, tmp_path, ways=(chosen,))

    assert (scores[way].made, scores[way].found, scores[way].named) == (ROUNDS,) * 3
    assert scores["sound"].found == 0
