"""Assignment's documents, which lie in this package with their schemas; see `servicekit.documents`."""

from __future__ import annotations

from functools import partial

from servicekit import documents
from servicekit.documents import (
    FAULTS_MAX,
    Document,
    InvalidPolicy,
    Step,
    parsed,
)

__all__ = [
    "FAULTS_MAX",
    "Document",
    "InvalidPolicy",
    "Step",
    "document_text",
    "load_document",
    "packaged",
    "parsed",
    "schema_faults",
]

PACKAGE = "assignment.policies"

document_text = partial(documents.document_text, PACKAGE)
load_document = partial(documents.load_document, PACKAGE)
packaged = partial(documents.packaged, PACKAGE)


def schema_faults(document: Document, name: str) -> list[InvalidPolicy]:
    """Where a document is not as `<name>.schema.json` wants it, by line."""
    return documents.schema_faults(document, PACKAGE, name)
