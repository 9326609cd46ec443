"""A process that decides by itself, as each service does: a replica of permissions that is asked 400 times a second.

`python -m bench.replica SERVICE TOKEN_FILE NATS_URL PERMISSIONS_TARGET`. It answers on NATS: `bench.ready` once it is
current, `bench.target` changes whom it asks about, `bench.raw` is only noted, `bench.speed.SERVICE` measures its
engine, `bench.report.SERVICE` tells everything it noted. Times are those of the machine's monotonic clock, nanoseconds.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nats
import uvloop
from accesskit.decisions import Circumstances, Outcome, Question
from accesskit.enforcement import PermissionsChannel
from accesskit.guard import AccessGuard, ReplicaState
from accesskit.replica import Replica
from leadchain.permissions.v1.events_pb2 import FactsChanged
from servicekit.announcements import Announcements
from servicekit.auth import Caller
from servicekit.logs import configure_logging
from servicekit.service import Service
from servicekit.settings import ServiceSettings

from bench.checks_server import LEADS, is_locked, lead_id, rep_of

if TYPE_CHECKING:
    from nats.aio.msg import Msg

ASK_EVERY_S = 0.0025
SPEED_CHECKS = 200_000
QUESTIONS = 5000


class Settings(ServiceSettings):
    """Only what the channel to permissions reads."""

    service = "bench"


class Asked:
    """Asks about one person after the other, and notes each time at which they would have been let in."""

    def __init__(self, replica: Replica, guard: AccessGuard) -> None:
        self.count = 0
        self.began_at_s = 0.0
        self.accepted: dict[str, list[int]] = {}
        self.applied: dict[int, int] = {}
        self._replica = replica
        self._guard = guard
        self._target = ""
        self._owned: dict[str, str] = {}
        for number in range(LEADS):
            if not is_locked(number):
                self._owned.setdefault(rep_of(number), lead_id(number))

    def target(self, person_id: str) -> None:
        """Asks about this person from now on."""
        self._target = person_id
        self.began_at_s = self.began_at_s or time.monotonic()

    def hear(self, event: FactsChanged) -> None:
        """Lets the replica hear it first."""
        self._replica.hear(event)
        self.note()

    def note(self) -> None:
        """Notes when the replica got where it is."""
        self.applied.setdefault(self._replica.engine.revision, time.monotonic_ns())

    async def keep_asking(self) -> None:
        """Until the process ends."""
        while True:
            self.note()
            if self._target:
                self._ask(self._target)
            await asyncio.sleep(ASK_EVERY_S)

    def _ask(self, person_id: str) -> None:
        caller = Caller(person_id, frozenset(), "t", epoch=1)
        question = Question(
            person_id,
            "read",
            "lead",
            self._owned[person_id],
            circumstances=Circumstances(epoch=1),
        )
        self.count += 1
        if self._replica.is_current and not self._guard.is_revoked(caller):
            decision = self._replica.engine.decide(question, now_s=time.time())
            if decision.outcome is Outcome.ALLOW:
                self.accepted.setdefault(person_id, []).append(time.monotonic_ns())


def speed(replica: Replica) -> float:
    """Checks a second of the engine as it is, asked by owners, their leaders and heads."""
    chance = random.Random(7)
    asked: list[Question] = []
    while len(asked) < QUESTIONS:
        number = chance.randrange(LEADS)
        leader = number % 900 % 90
        subject_id, action = chance.choice(
            [
                (rep_of(number), "edit"),
                (f"leader-{leader}", "read"),
                (f"head-{leader % 10}", "read"),
            ]
        )
        asked.append(Question(subject_id, action, "lead", lead_id(number)))
    decide, now_s = replica.engine.decide, time.time()
    began = time.perf_counter()
    for _ in range(SPEED_CHECKS // QUESTIONS):
        for question in asked:
            decide(question, now_s=now_s)
    return SPEED_CHECKS / (time.perf_counter() - began)


async def main() -> None:
    """Follows permissions until killed."""
    service, token_file, nats_url, target = sys.argv[1:]
    configure_logging(service, "ERROR")
    client = await nats.connect(nats_url)
    settings = Settings.model_validate(
        {"database_url": "", "jwks_file": "", "service_token_file": Path(token_file)}
    )
    channel = PermissionsChannel(settings, target)
    announcements = Announcements(lambda: client, source=service)
    replica = Replica(channel, announcements, instance_id=f"{service}-1")
    asked = Asked(replica, AccessGuard(service, ReplicaState(replica, channel)))
    announcements.hear(FactsChanged, asked.hear)
    raw: dict[str, int] = {}

    async def answer(message: Msg) -> None:
        match message.subject.split(".")[1]:
            case "target":
                asked.target(message.data.decode())
            case "raw":
                raw[message.data[:8].decode()] = time.monotonic_ns()
            case "ready" if replica.is_current:
                await client.publish("is_ready", service.encode())
            case "speed":
                await message.respond(json.dumps(speed(replica)).encode())
            case "report":
                await message.respond(json.dumps(_report(asked, raw)).encode())

    await Service(service, [channel, announcements, replica], grace_period_s=5).start()
    for subject in ("target", "raw", "ready", f"speed.{service}", f"report.{service}"):
        await client.subscribe(f"bench.{subject}", cb=answer)
    await asked.keep_asking()


def _report(asked: Asked, raw: dict[str, int]) -> dict[str, Any]:
    return {
        "applied": asked.applied,
        "accepted": asked.accepted,
        "count": asked.count,
        "asked_s": time.monotonic() - asked.began_at_s,
        "raw": raw,
    }


if __name__ == "__main__":
    uvloop.run(main())
