"""Replays: an audited decision made again, from nothing but the audit log up to its revision."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import msgspec
from accesskit.decisions import Question  # noqa: TC002 - a field's type, read at run time
from accesskit.engine import Engine
from accesskit.tokens import Token

from permissions.domain.decisions import (
    Answer,
    RecordAltered,
    UnknownDecision,
    read_answer,
    read_question,
    written_answer,
)
from permissions.queries.live import changes_of
from permissions.store import audit, decisions

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg
    from servicekit.database import Database

    from permissions.domain.decisions import Past, Record

PAGE_SIZE = 500
"""Entries applied before others have a turn."""


class Replayed(msgspec.Struct, frozen=True):
    """An audited decision as it was recorded, and as the state and policy of its time answer it now."""

    audit_seq: int
    question: Question
    recorded: Answer
    replayed: Answer
    is_same: bool


async def replay(database: Database, decision_id: UUID, *, log_id: str) -> Replayed:
    """Makes the decision again; raises `UnknownDecision` or `RecordAltered`."""
    async with database.raw() as raw:
        record, audit_seq = await _recorded(raw, decision_id)
        engine = await _engine_at(raw, record.revision)
    past = read_question(record.question)
    written = _decided_again(engine, past)
    token = str(Token(log_id, record.revision))
    return Replayed(
        audit_seq,
        past.question,
        _answer(record.answer, token, record.decision_id),
        _answer(written, token, record.decision_id),
        written == record.answer,
    )


async def _recorded(raw: asyncpg.Connection, decision_id: UUID) -> tuple[Record, int]:
    """The record, which must fit the digest that the audit log holds of it."""
    found = await decisions.find(raw, decision_id)
    if found is None:
        raise UnknownDecision(str(decision_id))
    record, audit_seq = found
    entries = await audit.entries_after(raw, audit_seq - 1, limit=1)
    stated = json.loads(entries[0].fact) if entries else {}
    if (stated.get("decision_id"), stated.get("digest")) != (record.decision_id, record.digest):
        raise RecordAltered(record.decision_id)
    return record, audit_seq


async def _engine_at(raw: asyncpg.Connection, revision: int) -> Engine:
    """The state at a revision, made from the log alone."""
    engine = Engine()
    while engine.revision < revision:
        entries = await audit.changing_entries_after(raw, engine.revision, limit=PAGE_SIZE)
        entries = [entry for entry in entries if entry.seq <= revision]
        if not entries:
            break
        changes = [change for entry in entries for change in changes_of(entry)]
        engine.apply(changes, revision=entries[-1].seq)
        await asyncio.sleep(0)
    return engine


def _decided_again(engine: Engine, past: Past) -> bytes:
    decision = engine.decide(past.question, now_s=past.now_s, approved=past.approved)
    return written_answer(past.explained(decision), policy_version=engine.policy_version)


def _answer(written: bytes, token: str, decision_id: str) -> Answer:
    decision, policy_version = read_answer(written)
    return Answer(decision, policy_version, token, decision_id)
