"""Programs that stand in for the product's, so that the supervisor is tested without it.

`python -m tests.sandbox.stand_in site VAR PORT` runs a small site, other words its programs.
"""

import http.server
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sandbox.dev_site import HOST, Site
from sandbox.plan import Plan, Step
from sandbox.run import run_site
from sandbox.supervisor import Program


def stand_in(*arguments: str) -> list[str]:
    """The command of one of the stand-ins."""
    return [sys.executable, "-m", "tests.sandbox.stand_in", *arguments]


def small_plan(site: Site) -> Plan:
    """A web server, a master with two workers, one deaf program, and a step before and after."""
    environment = {**site.environment, "STAND_IN_VAR": str(site.var_dir)}
    port = str(site.ports.web)

    def program(name: str, stage: int, *arguments: str) -> Program:
        return Program(name, stand_in(*arguments), stage, grace_s=1, environment=environment)

    return Plan(
        prepare=[Step("migrate", stand_in("migrate"), site.admin_environment)],
        programs=[
            program("web", 3, "web", port),
            program("workers", 2, "master"),
            program("deaf", 1, "deaf"),
        ],
        fill=[Step("demo", stand_in("note", "demo"), environment)],
        ready_url=f"http://{HOST}:{port}/readyz",
        addresses={"Back office": f"http://{HOST}:{port}/login"},
        sign_ins=Step("sign-ins", stand_in("sign-ins"), environment),
    )


def _note(line: str) -> None:
    with (Path(os.environ["STAND_IN_VAR"]) / "notes").open("a") as notes:
        notes.write(line + "\n")


def _sleep_noting(name: str) -> None:
    def leave(*_: object) -> None:
        _note(f"{name} stopped")
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)
    time.sleep(600)


def _master() -> None:
    """As Dramatiq does: workers in children, which the death of the master does not end."""
    for _ in range(2):
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    _sleep_noting("workers")


def _deaf() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def _web(port: str) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(dict(os.environ)).encode())

    server = http.server.ThreadingHTTPServer((HOST, int(port)), Handler)

    def leave(*_: object) -> None:
        _note("web stopped")
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)
    server.serve_forever()


def _sign_ins() -> None:
    login = {"area": "office", "reseller": "Acme", "user": "ann", "password": "pw", "role": "owner"}
    sys.stdout.write(json.dumps({"urls": {}, "logins": [login]}))


def main(word: str, *rest: str) -> None:
    """Runs the stand-in of that name."""
    if word == "site":
        sys.exit(run_site(Path(rest[0]), rest[1], small_plan))
    elif word == "broken-site":
        step = Step("migrate", stand_in("fail"), dict(os.environ))
        sys.exit(run_site(Path(rest[0]), rest[1], lambda _: Plan(prepare=[step])))
    elif word == "migrate":
        assert os.environ["DATABASE_URL_ADMIN"].startswith("postgresql+psycopg://postgres@/")
    elif word == "fail":
        sys.exit("relation already exists")
    else:
        {
            "note": _note,
            "web": _web,
            "master": _master,
            "deaf": _deaf,
            "sign-ins": _sign_ins,
        }[word](*rest)


if __name__ == "__main__":
    main(*sys.argv[1:])
