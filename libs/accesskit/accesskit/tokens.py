"""Consistency tokens: `v1.<log id>.<revision>`, the point in the log that an answer must not predate.

A token of another log (a restored or forked database) means nothing here and is refused. Whether a revision lies in
the future is for whoever knows the present one.
"""

import re

import msgspec
from servicekit.errors import Invalid

_WRITTEN = re.compile(r"v1\.([0-9A-Za-z-]{1,64})\.(0|[1-9][0-9]{0,17})", re.ASCII)


class MalformedToken(Invalid):
    """The text is no consistency token of version 1."""

    def __init__(self) -> None:
        super().__init__("consistency token is not v1.<log id>.<revision>")


class ForeignToken(Invalid):
    """The token is of another log than the one asked."""

    def __init__(self, log_id: str) -> None:
        super().__init__("consistency token is of another log")
        self.log_id = log_id


class Token(msgspec.Struct, frozen=True, gc=False):
    """A revision (number of an entry that changed state) of one log."""

    log_id: str
    revision: int

    def __str__(self) -> str:
        """The written form."""
        return f"v1.{self.log_id}.{self.revision}"

    @classmethod
    def parse(cls, text: str, *, log_id: str) -> "Token":
        """The token written in `text`; raises `MalformedToken`, and `ForeignToken` if it is not of `log_id`."""
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise MalformedToken
        token = cls(match[1], int(match[2]))
        if token.log_id != log_id:
            raise ForeignToken(token.log_id)
        return token
