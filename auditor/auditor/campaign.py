"""The campaign: mutates a sound log in every way that is known, and says whether each was found and named.

`python -m auditor.campaign --mutations 10000` prints how many of each were made, found, and named. `--dump FILE` works
on a real log instead of a specimen.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import specimen as specimens
from auditor.mutations import WAYS, Stage
from auditor.notes import read_keys
from auditor.specimen import LOG_ID, WITNESS, Signer, grown
from auditor.verification import verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.mutations import Mutation, Way

SPECIMEN_SIZE = 300
SEALED_EVERY = 50


@dataclass(slots=True)
class Score:
    """Mutations of one way: made, found, named rightly with their place."""

    made: int = 0
    found: int = 0
    named: int = 0


def stage_of_specimen() -> Stage:
    """A fresh specimen of 300 entries, sealed and witnessed each 50."""
    origin = f"leadchain/permissions/{LOG_ID}"
    signer, witness = Signer.of(origin, "signer"), Signer.of(WITNESS, "witness")
    sound = grown(SPECIMEN_SIZE, every=SEALED_EVERY, signer=signer, witness=witness)
    keys = read_keys([signer.verifier_key, witness.verifier_key])
    return Stage(sound, signer, Signer.of(origin, "intruder"), list(sound.notes), keys)


def stage_of_dump(path: Path) -> Stage:
    """A real log, whose keys and checkpoints are taken as published; its own key cannot be stolen here."""
    sound = specimens.read(path)
    origin = f"leadchain/permissions/{sound.log_id}"
    intruder = Signer.of(origin, "intruder")
    first = next(e for e in sound.entries if b'"signing_key_announced"' in e.fact)
    public_key = json.loads(first.fact)["public_key"]
    line = f"{origin}+0+{specimens.encoded_key(public_key)}"
    return Stage(sound, intruder, intruder, list(sound.notes), read_keys([line]))


def run(
    stage: Stage,
    mutations: int,
    rng: random.Random,
    folder: Path,
    *,
    ways: Sequence[Way] = WAYS,
) -> dict[str, Score]:
    """Makes and audits mutations, the `ways` in turn; a sound log that raises an alarm is counted as `sound`."""
    scores = {way.__name__: Score() for way in ways}
    scores["sound"] = Score()
    path = folder / "campaign.dump"
    for number in range(mutations):
        way = ways[number % len(ways)]
        mutation = way(stage, rng)
        _score(scores[way.__name__], mutation, stage, path)
    for _ in range(max(1, mutations // 50)):
        stage.sound.write(path)
        scores["sound"].made += 1
        report = verify(path, published=stage.published, keys=stage.keys, processes=1)
        scores["sound"].found += bool(report.findings)
    return scores


def main() -> int:
    """Runs the campaign; 0 when everything was found and named, and nothing falsely."""
    parser = argparse.ArgumentParser(prog="python -m auditor.campaign", description=__doc__)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dump", type=Path, help="a real dump instead of a specimen")
    options = parser.parse_args()
    stage = stage_of_dump(options.dump) if options.dump else stage_of_specimen()
    rng = random.Random(options.seed)  # noqa: S311 - a campaign that can be repeated
    with tempfile.TemporaryDirectory() as folder:
        scores = run(stage, options.mutations, rng, Path(folder))
    for name, score in scores.items():
        sys.stdout.write(
            f"{name:28} {score.made:6} made {score.found:6} found {score.named:6} named\n"
        )
    return 0 if is_perfect(scores) else 1


def is_perfect(scores: dict[str, Score]) -> bool:
    """Whether every mutation was found and named, and no sound log raised an alarm."""
    false_alarms = scores["sound"].found
    rest = [score for name, score in scores.items() if name != "sound"]
    return not false_alarms and all(s.made == s.found == s.named for s in rest)


def _score(score: Score, mutation: Mutation, stage: Stage, path: Path) -> None:
    mutation.log.write(path)
    report = verify(path, published=stage.published, keys=stage.keys, processes=1)
    first = report.first
    score.made += 1
    if first is not None:
        score.found += 1
        is_placed = mutation.low <= first.seq <= mutation.high
        score.named += first.kind in mutation.kinds and is_placed


if __name__ == "__main__":
    raise SystemExit(main())
