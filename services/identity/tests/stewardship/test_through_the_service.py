"""Stewards and explanations as the running service answers them, to those who may ask."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from accesskit.changes import FactPut, PolicyPut, PrincipalPut
from accesskit.enforcement import enforce
from accesskit.facts import Fact
from identity.commands.resolving import Resolver
from identity.domain.statements import Statement
from identity.rpc import explanation, stewardship
from identity.seals import Digests, Seals
from leadchain.identity.v1 import explanation_service_pb2 as why_pb
from leadchain.identity.v1 import references_pb2 as refs
from leadchain.identity.v1 import stewardship_service_pb2 as pb
from leadchain.identity.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from leadchain.identity.v1.stewardship_service_pb2_grpc import StewardshipServiceStub
from servicekit.chassis import Chassis
from servicekit.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from identity.settings import Settings
    from matchkit.model import Model

NOON = datetime(2026, 2, 7, 4, 0, tzinfo=UTC)
POLICY = """
model: |
  model
    schema 1.1
  type user
  type service
  type role
    relations
      define member: [user, service]
  type customer
roles:
  data_steward: {zh: 数据管家, en: Data steward}
services: [identity]
reading: [read, read_history, read_identity, explain]
rules:
  - id: stewards
    roles: [data_steward]
    on: customer
    actions: [read_history, read_identity, explain, merge, restore]
"""


@dataclass
class Served:
    """The service, and the Golden IDs and records of two people of one name and company."""

    service: Any
    golden_ids: list[str]
    records: list[int]

    @asynccontextmanager
    async def asked_by(self, name: str) -> AsyncIterator[grpc.aio.Channel]:
        """A channel to the service with this person's token."""
        yield await self.service.channel(name)


@pytest.fixture
async def served(
    settings: Settings,
    serve: Any,
    permissions: Any,
    small_model: Model,
) -> AsyncIterator[Served]:
    await permissions.apply(
        [
            PolicyPut(2, POLICY, "live"),
            PrincipalPut("steward-1", "user", "active", 1),
            PrincipalPut("salesperson-1", "user", "active", 1),
            FactPut(Fact("role", "data_steward", "member", "user", "steward-1")),
        ]
    )
    resolver = Resolver(
        small_model,
        Seals(settings.key_ring()),
        Digests(settings.index_key.get_secret_value()),
        settings.golden_keys(),
    )
    golden_ids, records = await _two_people(settings, resolver)
    chassis = Chassis(settings)
    enforce(chassis, settings, permissions_grpc=settings.permissions_grpc)
    stewardship.serve(chassis, resolver)
    explanation.serve(chassis, resolver.model, resolver.seals, resolver.digests)
    async with serve(chassis) as service:
        yield Served(service, golden_ids, records)


async def test_a_steward_finds_a_doubt_decides_it_and_takes_it_back(served: Served) -> None:
    async with served.asked_by("steward-1") as channel:
        steward, explains = StewardshipServiceStub(channel), ExplanationServiceStub(channel)
        [doubt] = (await steward.ListReviews(pb.ListReviewsRequest())).reviews
        decided = await steward.DecideReview(
            pb.DecideReviewRequest(
                a=doubt.a.record_id,
                b=doubt.b.record_id,
                verdict=refs.VERDICT_MUST,
                reason="confirmed by phone",
                idempotency_key="decide",
            )
        )
        a, b = (refs.Reference(record_id=each) for each in served.records)
        why = await explains.Why(why_pb.WhyRequest(a=a, b=b))
        how = await explains.How(why_pb.HowRequest(customer_id=served.golden_ids[1]))
        log = await steward.ListRegroupings(
            pb.ListRegroupingsRequest(customer_id=served.golden_ids[0])
        )
        restored = await steward.Restore(
            pb.RestoreRequest(
                customer_id=served.golden_ids[0],
                regrouping_id=log.regroupings[0].regrouping_id,
                is_before=True,
                reason="wrong number",
                idempotency_key="restore",
            )
        )
        why_not = await explains.WhyNot(why_pb.WhyNotRequest(a=a, b=b))

    assert doubt.kind == pb.REVIEW_KIND_UNCERTAIN
    assert [each.golden_id for each in decided.outcome.customers] == [served.golden_ids[0]]
    assert why.is_one_customer
    assert why.path[0].kind == why_pb.EVIDENCE_KIND_JUDGED
    assert [step.kind for step in how.steps] == [why_pb.EVIDENCE_KIND_JUDGED]
    assert log.regroupings[0].actor == "steward-1"
    assert {each.golden_id for each in restored.outcome.customers} == set(served.golden_ids)
    assert why_not.obstacle == why_pb.OBSTACLE_SCORE


async def test_every_wish_goes_through(served: Served) -> None:
    a, b = (refs.Reference(record_id=each) for each in served.records)
    async with served.asked_by("steward-1") as channel:
        steward = StewardshipServiceStub(channel)
        merged = await steward.Merge(
            pb.MergeRequest(customer_ids=served.golden_ids, reason="one", idempotency_key="1")
        )
        split = await steward.Split(
            pb.SplitRequest(
                customer_id=served.golden_ids[1],
                leaving=[refs.Reference(source=refs.SourceKey(system="kingdee", key="B"))],
                reason="two",
                idempotency_key="2",
            )
        )
        never = await steward.MarkNever(
            pb.MarkNeverRequest(a=a, b=b, reason="two", idempotency_key="3")
        )
        await steward.RevokeJudgement(
            pb.RevokeJudgementRequest(
                judgement_id=split.outcome.judgement_ids[0], reason="no", idempotency_key="4"
            )
        )
        must = await steward.MarkMust(
            pb.MarkMustRequest(a=a, b=b, reason="one", idempotency_key="5")
        )
        listed = await steward.ListJudgements(pb.ListJudgementsRequest(include_revoked=True))
        value = pb.FieldValue(field="phone", value="13800138001")
        await steward.SetGenericKey(
            pb.SetGenericKeyRequest(
                value=value, is_generic=True, reason="switchboard", idempotency_key="6"
            )
        )
        [hub] = (await steward.ListGenericKeys(pb.ListGenericKeysRequest())).keys
        await steward.SetGenericKey(
            pb.SetGenericKeyRequest(key=hub.key, reason="moved", idempotency_key="7")
        )
        rest = await steward.ListGenericKeys(pb.ListGenericKeysRequest())

    assert len(merged.outcome.customers) == 1
    assert len(split.outcome.customers) == 2
    assert list(never.outcome.judgement_ids) == []
    assert len(must.outcome.judgement_ids) == 1
    assert len(listed.judgements) == 3
    assert (hub.rule, hub.reason, len(rest.keys)) == ("phone", "steward", 0)


BAD = {
    "no reason": pb.MergeRequest(customer_ids=["a" * 64, "b" * 64], idempotency_key="k"),
    "no key": pb.MergeRequest(customer_ids=["a" * 64, "b" * 64], reason="r"),
    "a control sign": pb.MergeRequest(
        customer_ids=["a" * 64, "b" * 64], reason="r\u202e", idempotency_key="k"
    ),
    "one customer": pb.MergeRequest(customer_ids=["a" * 64], reason="r", idempotency_key="k"),
    "no id": pb.MergeRequest(customer_ids=["x", "y"], reason="r", idempotency_key="k"),
    "too many": pb.MergeRequest(customer_ids=["a" * 64] * 21, reason="r", idempotency_key="k"),
}


async def test_what_makes_no_sense_is_refused(served: Served) -> None:
    codes = {}
    async with served.asked_by("steward-1") as channel:
        steward = StewardshipServiceStub(channel)
        for name, request in BAD.items():
            codes[name] = await _code(steward.Merge(request))
        nobody = pb.SplitRequest(customer_id="a" * 64, reason="r", idempotency_key="k")
        codes["nobody leaves"] = await _code(steward.Split(nobody))
        unnamed = pb.MarkNeverRequest(reason="r", idempotency_key="k")
        codes["unnamed"] = await _code(steward.MarkNever(unnamed))
        huge = refs.Reference(record_id=2**64 - 1)
        asked = pb.MarkMustRequest(a=huge, b=huge, reason="r", idempotency_key="k")
        codes["no such number"] = await _code(steward.MarkMust(asked))
        asked = pb.DecideReviewRequest(a=1, b=2, reason="r", idempotency_key="k")
        codes["no verdict"] = await _code(steward.DecideReview(asked))
        long = pb.FieldValue(field="phone", value="1" * 100_000)
        hub = pb.SetGenericKeyRequest(value=long, reason="r", idempotency_key="k")
        codes["absurdly long"] = await _code(steward.SetGenericKey(hub))

    assert set(codes.values()) == {grpc.StatusCode.INVALID_ARGUMENT}, codes


async def test_the_present_state_forbids_some_wishes(served: Served) -> None:
    same = [served.golden_ids[0], served.golden_ids[0]]
    async with served.asked_by("steward-1") as channel:
        steward = StewardshipServiceStub(channel)
        itself = await _code(
            steward.Merge(pb.MergeRequest(customer_ids=same, reason="r", idempotency_key="1"))
        )
        foreign = await _code(
            steward.Split(
                pb.SplitRequest(
                    customer_id=served.golden_ids[0],
                    leaving=[refs.Reference(record_id=served.records[1])],
                    reason="r",
                    idempotency_key="2",
                )
            )
        )
        unknown = await _code(
            steward.Merge(
                pb.MergeRequest(customer_ids=[same[0], "f" * 64], reason="r", idempotency_key="3")
            )
        )

    assert itself is grpc.StatusCode.INVALID_ARGUMENT
    assert foreign is grpc.StatusCode.INVALID_ARGUMENT
    assert unknown is grpc.StatusCode.NOT_FOUND


async def test_nobody_else_decides_or_is_told(served: Served) -> None:
    async with served.asked_by("salesperson-1") as channel:
        steward, explains = StewardshipServiceStub(channel), ExplanationServiceStub(channel)
        merge = pb.MergeRequest(customer_ids=served.golden_ids, reason="r", idempotency_key="k")
        why = why_pb.HowRequest(customer_id=served.golden_ids[0])
        codes = [
            await _code(steward.Merge(merge)),
            await _code(steward.ListReviews(pb.ListReviewsRequest())),
            await _code(explains.How(why)),
        ]

    assert set(codes) == {grpc.StatusCode.PERMISSION_DENIED}


async def _two_people(settings: Settings, resolver: Resolver) -> tuple[list[str], list[int]]:
    database = Database(settings.database_url.get_secret_value(), service="identity")
    await database.start()
    people = [
        {"name": "Wang Fang", "company": "Acme", "phone": "13800138001"},
        {"name": "Wang Fang", "company": "Acme"},
    ]
    statements = [
        Statement("kingdee", key, fields, NOON, NOON)
        for key, fields in zip("AB", people, strict=True)
    ]
    async with database.unit_of_work() as uow:
        resolved = await resolver.resolve(uow, statements)
    await database.stop()
    found = sorted(resolved, key=lambda each: each.golden_id)
    return [each.golden_id for each in found], [each.record_id for each in found]


async def _code(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    return refusal.value.code()
