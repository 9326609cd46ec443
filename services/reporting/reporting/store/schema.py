"""What all of reporting's tables belong to."""

from servicekit.erasures import erasures_table
from servicekit.schema import TYPES, kit_metadata
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The tables of reporting."""

    metadata = kit_metadata()
    type_annotation_map = TYPES


erasures_table(Base.metadata)
