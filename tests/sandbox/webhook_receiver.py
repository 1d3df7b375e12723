"""A real HTTP server that keeps what is posted to it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue


@dataclass(frozen=True)
class Posted:
    """One request."""

    headers: dict[str, str]
    raw: bytes


class Receiver:
    """What arrived, in order. `status` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.url = ""
        self._queue: SimpleQueue[Posted] = SimpleQueue()

    def keep(self, posted: Posted) -> None:
        self._queue.put(posted)

    def next(self) -> Posted:
        """The next request, waiting for it."""
        return self._queue.get(timeout=20)

    def is_empty(self) -> bool:
        try:
            self._queue.get_nowait()
        except Empty:
            return True
        return False


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver for as long as the block lasts."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.keep(Posted(dict(self.headers), raw))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
