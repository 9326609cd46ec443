"""Stewards' requests and what came of them: protobuf to domain and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.identity.v1 import references_pb2
from leadchain.identity.v1 import stewardship_service_pb2 as pb
from servicekit.errors import Invalid

from identity.domain.judgements import Verdict
from identity.domain.stewardship import CUSTOMERS_MERGED_MAX, LEAVING_MAX, Act
from identity.wire.customers import customer_id
from identity.wire.references import judgement, moment, record_face, reference, regrouping

if TYPE_CHECKING:
    from matchkit.hashing import Hasher

    from identity.domain.judgements import Judgement
    from identity.domain.references import Reference
    from identity.domain.stewardship import Outcome
    from identity.queries.stewardship import Page, Review
    from identity.store.generic_keys import GenericKey
    from identity.store.regroupings import Regrouping

    Asked = (
        pb.MergeRequest
        | pb.SplitRequest
        | pb.MarkNeverRequest
        | pb.MarkMustRequest
        | pb.RevokeJudgementRequest
        | pb.DecideReviewRequest
        | pb.RestoreRequest
        | pb.SetGenericKeyRequest
    )

REASON_LENGTH_MAX = 500
KEY_LENGTH_MAX = 100
VALUE_LENGTH_MAX = 500


def act(request: Asked, *, actor: str, hasher: Hasher) -> Act:
    """Who asks for something, why, and under which key; raises `Invalid`.

    Two requests have one digest only when they ask for the same, whatever their reasons.
    """
    reason = request.reason.strip()
    if not 0 < len(reason) <= REASON_LENGTH_MAX or not reason.isprintable():
        raise Invalid(f"a reason of 1 to {REASON_LENGTH_MAX} printable characters is needed")
    key = request.idempotency_key
    if not 0 < len(key) <= KEY_LENGTH_MAX or not (key.isascii() and key.isprintable()):
        raise Invalid(f"an idempotency_key of 1 to {KEY_LENGTH_MAX} ASCII characters is needed")
    return Act(actor, reason, key, hasher.digest(_essence(request)))


def merged(request: pb.MergeRequest) -> list[str]:
    """The customers to merge; raises `Invalid`, `MalformedCustomerId`."""
    if not 2 <= len(request.customer_ids) <= CUSTOMERS_MERGED_MAX:
        raise Invalid(f"2 to {CUSTOMERS_MERGED_MAX} customer_ids are needed")
    return [customer_id(each) for each in request.customer_ids]


def leaving(request: pb.SplitRequest) -> list[Reference]:
    """What is to leave a customer; raises `Invalid` and what `reference` raises."""
    if not 0 < len(request.leaving) <= LEAVING_MAX:
        raise Invalid(f"1 to {LEAVING_MAX} references in leaving are needed")
    return [reference(each) for each in request.leaving]


def verdict(request: pb.DecideReviewRequest) -> Verdict:
    """What was decided; raises `Invalid`."""
    try:
        return Verdict(request.verdict)
    except ValueError:
        raise Invalid("say whether they are never or always of one customer") from None


def named_value(request: pb.SetGenericKeyRequest) -> tuple[str, str]:
    """The field and the value of a key that is named by them; raises `Invalid`."""
    value = request.value
    if not value.field or not 0 < len(value.value) <= VALUE_LENGTH_MAX:
        raise Invalid("a key, or a field and its value, is needed")
    return value.field, value.value


def outcome(done: Outcome) -> pb.Outcome:
    """What a decision did."""
    return pb.Outcome(
        regrouping_id=done.regrouping_id,
        customers=[
            references_pb2.CustomerFace(
                golden_id=each.golden_id,
                master_id=each.master_id,
                record_count=each.record_count,
                version=each.version,
            )
            for each in done.customers
        ],
        judgement_ids=done.judgement_ids,
        revoked_judgement_ids=done.revoked_ids,
        is_repeated=done.is_repeated,
    )


def judgements_response(page: Page[Judgement]) -> pb.ListJudgementsResponse:
    """A page of judgements."""
    return pb.ListJudgementsResponse(
        judgements=map(judgement, page.entries), next_page_token=page.next_page_token
    )


def reviews_response(page: Page[Review]) -> pb.ListReviewsResponse:
    """A page of pairs that wait."""
    return pb.ListReviewsResponse(
        reviews=map(_review, page.entries), next_page_token=page.next_page_token
    )


def regroupings_response(page: Page[Regrouping]) -> pb.ListRegroupingsResponse:
    """A page of the log."""
    return pb.ListRegroupingsResponse(
        regroupings=map(regrouping, page.entries), next_page_token=page.next_page_token
    )


def generic_keys_response(page: Page[GenericKey]) -> pb.ListGenericKeysResponse:
    """A page of keys that say nothing."""
    return pb.ListGenericKeysResponse(
        keys=map(_generic_key, page.entries), next_page_token=page.next_page_token
    )


def _review(review: Review) -> pb.Review:
    waiting = review.waiting
    return pb.Review(
        a=record_face(review.a),
        b=record_face(review.b),
        kind=pb.ReviewKind.ValueType(waiting.kind),
        bits=waiting.bits,
        posterior=waiting.posterior,
        model_version=waiting.model_version,
        made_at=moment(waiting.made_at),
    )


def _generic_key(key: GenericKey) -> pb.GenericKey:
    return pb.GenericKey(
        key=key.key,
        rule=key.rule,
        reason=key.reason,
        record_count=key.record_count,
        made_at=moment(key.made_at),
    )


def _essence(request: Asked) -> bytes:
    """What is asked for, without the reason and the key, named by its type."""
    bare = type(request)()
    bare.CopyFrom(request)  # type: ignore[arg-type]
    bare.ClearField("reason")
    bare.ClearField("idempotency_key")
    name = request.DESCRIPTOR.full_name.encode()
    return name + b"|" + bare.SerializeToString(deterministic=True)
