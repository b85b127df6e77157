"""The server: the page, and an answer for every move on it, to this machine only.

The one idea: there are two addresses, "/" and "/answer?…", and neither is a path. Nothing of the file system is served.
"""

import sys
import webbrowser
from contextlib import suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from ..show.data import compact
from .answer import reply
from .page import served

HOST = "127.0.0.1"
LONGEST = 4096  # letters of a query; fifty weights and biases in full precision are about 2,000
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
page = cache(served)


class Handler(BaseHTTPRequestHandler):
    """One request: its method, its Host and its length are looked at before what it asks for."""

    timeout = 10  # seconds that a client may be silent
    server_version, sys_version = "tinygrad-sig", ""
    server: ThreadingHTTPServer

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        here = [f"{name}:{self.server.server_port}" for name in (HOST, "localhost")]
        if self.headers.get_all("Host") not in [[name] for name in here]:
            self.refuse(403, f"this server answers at http://{here[0]} only; use that address")
        elif len(self.path) > LONGEST:
            self.refuse(414, f"the question is longer than {LONGEST:,} letters; ask a shorter one")
        elif path == "/answer":
            self.send(*reply(query))
        elif path == "/":
            self.send(200, page(), "text/html")
        else:
            self.refuse(404, "there is nothing here; the page is at /")

    def refuse(self, status: int, sentence: str) -> None:
        self.send(status, compact({"error": sentence}))

    def send(self, status: int, text: str, kind: str = "application/json") -> None:
        body = text.encode()
        self.send_response(status)
        length = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(body))}
        allow = {"Allow": "GET"} if status == 405 else {}
        for name, value in (HEADERS | length | allow).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the inherited methods refuse: other methods than GET, and what is no HTTP."""
        if code == 501:
            self.refuse(405, "this server only answers GET; use that")
        else:
            self.refuse(code, "this is no request that the server understands; send a short GET")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal has the address, and keeps it."""


class Server(ThreadingHTTPServer):
    """A server that passes over clients that hang up or fall silent."""

    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def serve(port: int, query: str) -> None:
    """Serve until Ctrl-C, and open the browser at a query. Raises ValueError where the port is taken."""
    try:
        server = Server((HOST, port), Handler)
    except OSError as error:
        raise ValueError(f"--serve: cannot listen at port {port}: {error.strerror}; give another --port") from None
    with server, suppress(KeyboardInterrupt):
        address = f"http://{HOST}:{server.server_port}/#{query}"
        print(f"The page is at {address} until Ctrl-C", flush=True)
        Thread(target=webbrowser.open, args=(address,), daemon=True).start()  # Some browsers return when they end.
        server.serve_forever()
