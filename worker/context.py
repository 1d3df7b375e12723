"""The settings of this worker process, for actors that talk to the world outside."""

from core.config import Settings
from core.errors import InvariantError

_settings: list[Settings] = []


def configure(settings: Settings) -> None:
    """Call once per process, after any fork."""
    _settings[:] = [settings]


def settings() -> Settings:
    """Raises InvariantError before `configure`."""
    if not _settings:
        raise InvariantError("the worker is not prepared: there are no settings yet")
    return _settings[0]
