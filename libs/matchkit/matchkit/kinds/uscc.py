"""The company a customer works for, by its unified social credit code: right or wrong, never nearly right."""

from matchkit.chinese import credit_codes
from matchkit.kinds.identifier import identifier

USCC = identifier("uscc", check=credit_codes.read)
