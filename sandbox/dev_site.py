"""Where a development site lives and what its programs are told: ports, secrets, environment."""

import base64
import os
import secrets
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
DATABASE = "portal"
ENVIRONMENT_FILE = "development.env"
# Nothing else of the caller's environment reaches the programs: a stray SMTP_HOST or DATABASE_URL
# would send the demo's mail to real people or fill a real database with demo data.
INHERITED = ("HOME", "LANG", "LC_ALL", "LOG_LEVEL", "PATH", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV")


class SiteError(Exception):
    """The site cannot start; the message is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The web server's port and those derived from it."""

    web: int

    @property
    def authorizenet(self) -> int:
        return self.web + 1

    @property
    def mailbox(self) -> int:
        return self.web + 2

    @property
    def smtp(self) -> int:
        return self.web + 3

    @property
    def stripe(self) -> int:
        return self.web + 4

    @property
    def suretax(self) -> int:
        return self.web + 5

    def url(self, port: int) -> str:
        """Address of a page on one of the ports."""
        return f"http://{HOST}:{port}"

    def as_dict(self) -> dict[str, int]:
        """Ports by name."""
        return {
            "web": self.web,
            "authorizenet": self.authorizenet,
            "mailbox": self.mailbox,
            "smtp": self.smtp,
            "stripe": self.stripe,
            "suretax": self.suretax,
        }


def parse_ports(text: str) -> Ports:
    """Ports from the value of PORT; raises SiteError."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65530:
        raise SiteError(f"PORT={text} is not a port from 1 to 65530.")
    return Ports(int(text))


def check_ports_free(ports: Ports) -> None:
    """Raises SiteError that names the first port which another program listens on."""
    for name, port in ports.as_dict().items():
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise SiteError(
                    f"Port {port} ({name}) cannot be used: {error.strerror}. "
                    f"Choose another with PORT=, for example: make run PORT={_suggest(ports)}"
                ) from error


def _suggest(ports: Ports) -> int:
    return ports.web + 100 if ports.web + 100 <= 65531 else 8080


def load_secrets(path: Path) -> dict[str, str]:
    """The site's secrets: those of an earlier run, else new ones."""
    known: dict[str, str] = {}
    if path.exists():
        for word in shlex.split(path.read_text(), comments=True):
            name, _, value = word.partition("=")
            known[name] = value
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return {
        "SECRET_KEY": known.get("SECRET_KEY") or secrets.token_urlsafe(48),
        "CREDENTIAL_KEYS": known.get("CREDENTIAL_KEYS") or f"k1:{key}",
        "METRICS_TOKEN": known.get("METRICS_TOKEN") or secrets.token_urlsafe(24),
    }


def write_environment(path: Path, environment: Mapping[str, str]) -> None:
    """Writes the file that a shell can source, readable by its owner only."""
    lines = [
        "# Written by `make run`; the secrets in it are kept from run to run.",
        *(f"{name}={shlex.quote(value)}" for name, value in sorted(environment.items())),
    ]
    unfinished = path.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(lines) + "\n")
    unfinished.rename(path)


def inherited_environment() -> dict[str, str]:
    """The few variables of the caller that programs need to run at all."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | {
        "PYTHONUNBUFFERED": "1"
    }


@dataclass(frozen=True, slots=True)
class Site:
    """A development site: its folder, ports and the settings of its programs."""

    var_dir: Path
    ports: Ports
    settings: Mapping[str, str]
    admin_url: str

    @property
    def log_dir(self) -> Path:
        return self.var_dir / "log"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every program."""
        return {**inherited_environment(), **self.settings}

    @property
    def admin_environment(self) -> dict[str, str]:
        """The environment of the one that makes roles and the database."""
        return {**self.environment, "DATABASE_URL_ADMIN": self.admin_url}
