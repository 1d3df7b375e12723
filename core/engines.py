"""How connections to PostgreSQL are made, the same for every role."""

import time
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError

# a connection that rested longer is asked whether it still lives before it is used again
RESTED_S = 5.0

_engines: dict[str, Engine] = {}


def make_engine(url: str) -> Engine:
    """One pooled engine per role and process.

    Sessions are in UTC, a statement may not run for ever, and a lost client holds no locks.
    """
    if url not in _engines:
        _engines[url] = create_engine(
            url,
            pool_size=8,
            max_overflow=8,
            pool_recycle=1800,
            # an error message reaches the logs, and parameters hold mail bodies and hashes
            hide_parameters=True,
            connect_args={
                "connect_timeout": 5,
                "options": (
                    "-c timezone=UTC -c statement_timeout=60000"
                    " -c idle_in_transaction_session_timeout=120000 -c lock_timeout=15000"
                ),
            },
        )
        event.listen(_engines[url], "checkout", _ask_if_rested)
        event.listen(_engines[url], "checkin", _note_rest)
    return _engines[url]


def dispose_engines() -> None:
    """Close every pool of this process (after a fork, at the end of a test run)."""
    for engine in _engines.values():
        engine.dispose()
    _engines.clear()


def _note_rest(_raw: Any, record: Any) -> None:  # noqa: ANN401 (pool internals have no public type)
    record.info["rested_since"] = time.monotonic()


def _ask_if_rested(raw: Any, record: Any, _proxy: Any) -> None:  # noqa: ANN401
    # `pool_pre_ping` would ask each time: two more round trips in every transaction
    rested_since = record.info.get("rested_since")
    if rested_since is None or time.monotonic() - rested_since < RESTED_S:
        return
    try:
        raw.execute("select 1")
        raw.rollback()
    except Exception as error:
        raise DisconnectionError("the server closed a resting connection") from error
