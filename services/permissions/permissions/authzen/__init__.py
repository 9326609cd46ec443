"""The OpenID AuthZEN Authorization API 1.0 over HTTP: the same questions, in the words of the standard."""

from permissions.authzen.doors import routes

__all__ = ["routes"]
