"""What all of permissions' tables are described in."""

from servicekit.schema import TYPES, kit_metadata
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The service's tables and the kit's."""

    metadata = kit_metadata()
    type_annotation_map = TYPES
