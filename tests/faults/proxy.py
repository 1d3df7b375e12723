"""A wire to the gateway on which a request can be held up."""

import socket
import threading
from types import TracebackType


class HoldingProxy:
    """Passes bytes on; while it holds, a request lies on the wire and does not arrive."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._pass = threading.Event()
        self._pass.set()
        self.held = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> "HoldingProxy":
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.release()
        # wakes the thread that waits in accept
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def hold(self) -> None:
        """From now on requests lie on the wire."""
        self._pass.clear()

    def release(self) -> None:
        """Let what was held arrive."""
        self._pass.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as gateway:
            back = threading.Thread(target=_copy, args=(gateway, client), daemon=True)
            back.start()
            while data := _receive(client):
                if not self._pass.is_set():
                    self.held.set()
                    self._pass.wait(60)
                gateway.sendall(data)
            back.join(10)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := _receive(source):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


def _receive(source: socket.socket) -> bytes:
    try:
        return source.recv(65536)
    except OSError:
        return b""
