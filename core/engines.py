"""How connections to PostgreSQL are made, the same for every role."""

from sqlalchemy import Engine, create_engine

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
            pool_pre_ping=True,
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
    return _engines[url]


def dispose_engines() -> None:
    """Close every pool of this process (after a fork, at the end of a test run)."""
    for engine in _engines.values():
        engine.dispose()
    _engines.clear()
