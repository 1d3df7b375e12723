"""`python -m sandbox.mailbox --smtp-port N --http-port M --store DIR`."""

import argparse
import json
import logging
import signal
import sys
from pathlib import Path
from types import FrameType

from werkzeug.serving import make_server

from sandbox.mailbox.faults import FaultPlan
from sandbox.mailbox.smtp import SmtpServer
from sandbox.mailbox.store import Store
from sandbox.mailbox.web import create_app


def _stop(signal_number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> None:
    """Serves until SIGTERM or Ctrl-C; the first line of output tells the ports as JSON."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.mailbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--smtp-port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--http-port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--store", type=Path, required=True, help="folder for the messages")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)

    plan = FaultPlan()
    store = Store(arguments.store)
    smtp = SmtpServer(store, plan, host=arguments.host, port=arguments.smtp_port)
    web = make_server(arguments.host, arguments.http_port, create_app(store, plan), threaded=True)
    smtp.start()
    print(json.dumps({"smtp_port": smtp.port, "http_port": web.server_port}), flush=True)
    try:
        web.serve_forever()
    finally:
        smtp.stop()


if __name__ == "__main__":
    main()
