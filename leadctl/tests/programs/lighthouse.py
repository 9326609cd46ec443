"""A stand-in for an outside system: no database, no bus, only `/readyz`."""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Light(BaseHTTPRequestHandler):
    """Answers every GET with where its sea is."""

    def do_GET(self) -> None:
        """Answer 200 with the address that the stack filled in."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["HARBOUR_GRPC"].encode())


HTTPServer(("127.0.0.1", int(os.environ["HTTP_PORT"])), Light).serve_forever()
