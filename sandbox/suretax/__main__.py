"""`python -m sandbox.suretax --host 127.0.0.1 --port 8470 --state FILE`."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from sandbox.suretax.server import Server


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.suretax")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8470, help="0 takes a free one")
    parser.add_argument("--state", type=Path, required=True, help="file that outlives a restart")
    arguments = parser.parse_args()
    try:
        server = Server((arguments.host, arguments.port), arguments.state)
    except OSError as error:
        sys.exit(f"Cannot listen on {arguments.host}:{arguments.port}: {error.strerror}")

    def stop(*_: object) -> None:
        # `shutdown` waits for the loop that this signal has interrupted.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"Sandbox of SureTax at {server.url}", flush=True)
    server.run()


if __name__ == "__main__":
    main()
