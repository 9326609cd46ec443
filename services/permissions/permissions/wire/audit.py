"""AuditService's messages and the domain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from accesskit.notes import verifier_key
from leadchain.permissions.v1 import audit_service_pb2 as pb

from permissions.domain.checkpoints import origin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from permissions.domain.audit import AuditEntry
    from permissions.domain.checkpoints import Checkpoint, SigningKey
    from permissions.queries.audit import Consistency, Inclusion, Page


def checkpoint_response(
    log_id: str, checkpoint: Checkpoint, key: SigningKey | None
) -> pb.GetCheckpointResponse:
    """A checkpoint, with the key in force."""
    known_as = verifier_key(origin(log_id), key.public_key) if key else ""
    return pb.GetCheckpointResponse(checkpoint=_checkpoint(checkpoint), verifier_key=known_as)


def checkpoints_response(
    checkpoints: Sequence[Checkpoint],
    is_complete: bool,  # noqa: FBT001 - the pair is one answer
) -> pb.ListCheckpointsResponse:
    """A page of checkpoints."""
    return pb.ListCheckpointsResponse(
        checkpoints=[_checkpoint(each) for each in checkpoints], complete=is_complete
    )


def inclusion_response(proof: Inclusion) -> pb.ProveInclusionResponse:
    """The proof that an entry is in the log."""
    return pb.ProveInclusionResponse(
        leaf_hash=proof.leaf_hash, path=proof.path, size=proof.size, root=proof.root
    )


def consistency_response(proof: Consistency) -> pb.ProveConsistencyResponse:
    """The proof that a log grew out of another."""
    return pb.ProveConsistencyResponse(
        path=proof.path, old_root=proof.old_root, size=proof.size, root=proof.root
    )


def who_changed_response(page: Page) -> pb.WhoChangedResponse:
    """Entries about a resource."""
    return pb.WhoChangedResponse(
        changes=[_change(entry) for entry in page.entries], complete=page.is_complete
    )


def _checkpoint(checkpoint: Checkpoint) -> pb.Checkpoint:
    message = pb.Checkpoint(
        size=checkpoint.size,
        root=checkpoint.root,
        chain_hash=checkpoint.chain_hash,
        key_id=checkpoint.key_id,
        note=checkpoint.full_note,
    )
    message.sealed_at.FromDatetime(checkpoint.sealed_at)
    return message


def _change(entry: AuditEntry) -> pb.ResourceChange:
    stated = json.loads(entry.fact)
    message = pb.ResourceChange(
        seq=entry.seq,
        action=stated.get("action", ""),
        actor=stated.get("actor", ""),
        fact_json=entry.fact.decode(),
    )
    message.recorded_at.FromDatetime(entry.recorded_at)
    return message
