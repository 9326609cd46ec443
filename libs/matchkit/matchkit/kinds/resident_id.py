"""A person's resident identity number: right or wrong, never nearly right."""

from matchkit.chinese import resident_ids
from matchkit.kinds.identifier import identifier

RESIDENT_ID = identifier("resident_id", check=resident_ids.read)
