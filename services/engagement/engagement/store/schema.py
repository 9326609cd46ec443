"""What all of engagement's tables belong to."""

from __future__ import annotations

from servicekit.erasures import erasures_table
from servicekit.schema import TYPES, kit_metadata
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """Engagement's tables, and the kit's."""

    metadata = kit_metadata()
    type_annotation_map = TYPES


erasures_table(Base.metadata)
