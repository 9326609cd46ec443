"""The closed set of proofs of origin; each works on the raw bytes, in constant time, and fails closed."""
