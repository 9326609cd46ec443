"""Merges pairs of customers one after the other and says which are done, until it is killed.

Arguments: the database, the model's file, the field keys, the index key, then pairs of Golden IDs with a comma between.
"""

import asyncio
import sys
from pathlib import Path

from identity.commands.resolving import Resolver
from identity.commands.stewardship import Stewardship
from identity.domain.golden_ids import GoldenIdKeys
from identity.domain.stewardship import Act
from identity.seals import Digests, Seals
from matchkit.model import Model
from servicekit.database import Database
from servicekit.sealing import KeyRing


async def merge(url: str, model: str, ring: str, index_key: str, pairs: list[str]) -> None:
    """Begins when told to."""
    database = Database(url, service="identity")
    await database.start()
    resolver = Resolver(
        Model.load(Path(model)),
        Seals(KeyRing.parse(ring)),
        Digests(index_key),
        GoldenIdKeys({"k1": b"g" * 32}),
    )
    stewardship = Stewardship(database, resolver)
    tell("ready")
    await asyncio.to_thread(sys.stdin.readline)
    for pair in pairs:
        act = Act("steward-1", "seen it", pair[:20], b"d" * 16)
        await stewardship.merge(act, pair.split(","))
        tell(pair)
    await database.stop()


def tell(text: str) -> None:
    """One line to whoever listens, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(merge(*sys.argv[1:5], sys.argv[5:]))
