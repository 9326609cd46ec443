"""How deep JSON is nested, from its bytes alone: a sender cannot make the parser climb."""

import re

DEPTH_MAX = 32

# A string runs to its closing quote, or to the end when it has none, so that the scan is linear for any bytes.
_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{\]}]', re.DOTALL)


def is_too_deep(raw: bytes) -> bool:
    """Whether brackets nest deeper than 32; the bytes need not be JSON."""
    if raw.count(b"[") + raw.count(b"{") <= DEPTH_MAX:
        return False
    depth = 0
    for token in _TOKENS.finditer(raw):
        first = raw[token.start()]
        if first in b"[{":
            depth += 1
            if depth > DEPTH_MAX:
                return True
        elif first in b"]}":
            depth -= 1
    return False
