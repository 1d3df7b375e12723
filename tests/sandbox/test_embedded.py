"""Embedded PostgreSQL and Redis: data, crashes, and who may use a folder."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from sandbox.embedded import (
    AlreadyRunningError,
    EmbeddedError,
    Postgres,
    start_postgres,
    start_redis,
)

ROOT = Path(__file__).parents[2]
QUICK = {"fsync": "off"}
GONE_TIMEOUT_S = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Postgres]:
    running = start_postgres(tmp_path_factory.mktemp("postgres"), settings=QUICK)
    yield running
    running.stop()


def _connect(server: Postgres) -> psycopg.Connection:
    return psycopg.connect(server.url().replace("+psycopg", ""), autocommit=True)


def test_it_is_postgresql_18_in_utc_and_utf8(server: Postgres) -> None:
    with _connect(server) as connection:
        row = connection.execute(
            "select current_setting('server_version_num')::int / 10000,"
            " current_setting('timezone'), current_setting('server_encoding'), lower('ЖÄ')"
        ).fetchone()
    assert row == (18, "UTC", "UTF8", "жä")


def test_it_listens_on_a_private_socket_only(server: Postgres) -> None:
    assert psutil.Process(server.pid).net_connections("inet") == []
    assert server.socket_dir.stat().st_mode & 0o077 == 0


def test_settings_reach_the_server(server: Postgres) -> None:
    with _connect(server) as connection:
        assert connection.execute("show fsync").fetchone() == ("off",)


def test_the_url_names_role_and_database(server: Postgres) -> None:
    with _connect(server) as connection:
        connection.execute("create role clerk login")
        connection.execute("create database books")
    url = server.url("clerk", "books")
    assert url.startswith("postgresql+psycopg://clerk@/books?host=")
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        row = connection.execute("select current_user, current_database()").fetchone()
    assert row == ("clerk", "books")


@pytest.mark.parametrize("immediate", [True, False])
def test_committed_rows_live_through_a_restart(server: Postgres, immediate: bool) -> None:
    url, pid = server.url(), server.pid
    with _connect(server) as connection:
        connection.execute("drop table if exists kept; create table kept as select 7 as n")
    server.restart(immediate=immediate)
    assert server.url() == url
    assert server.pid != pid
    with _connect(server) as connection:
        assert connection.execute("select n from kept").fetchone() == (7,)


def test_data_outlives_a_stop_even_where_the_path_is_too_long_for_a_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20) / ("folder" * 10)
    first = start_postgres(folder, settings=QUICK)
    with _connect(first) as connection:
        connection.execute("create table kept as select 7 as n")
    first.stop()
    second = start_postgres(folder, settings=QUICK)
    try:
        with _connect(second) as connection:
            assert connection.execute("select n from kept").fetchone() == (7,)
    finally:
        second.stop("immediate")


def test_a_folder_in_use_is_refused_with_its_owner(server: Postgres) -> None:
    with pytest.raises(AlreadyRunningError, match=f"in use by process {os.getpid()}"):
        start_postgres(server.data_dir)
    assert server.is_running()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="unrecognized configuration parameter"):
        start_postgres(tmp_path, settings={**QUICK, "no_such_setting": "1"})


def test_the_folder_is_free_again_after_a_failed_start(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError):
        start_postgres(tmp_path, settings={**QUICK, "no_such_setting": "1"})
    start_postgres(tmp_path, settings=QUICK).stop("immediate")


def test_a_pid_file_that_names_a_stranger_does_not_stop_the_start(tmp_path: Path) -> None:
    """After a reboot another process may have the pid that a crashed server left in its file."""
    first = start_postgres(tmp_path, settings=QUICK)
    left = (first.pgdata / "postmaster.pid").read_text().splitlines()
    first.stop()
    left[0] = str(os.getpid())
    (first.pgdata / "postmaster.pid").write_text("\n".join(left) + "\n")
    second = start_postgres(tmp_path, settings=QUICK)
    second.stop()


def test_an_interrupted_first_start_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new" / "PG_VERSION").write_text("18\n")
    start_postgres(tmp_path, settings=QUICK).stop("immediate")


OWNER = """
import sys, time
from pathlib import Path
from sandbox.embedded import start_postgres, start_redis
import redis
folder = Path(sys.argv[1])
postgres = start_postgres(folder / "postgres")
server = start_redis(folder / "redis")
redis.Redis.from_url(server.url).set("kept", "7")
print(postgres.pid, server.pid, flush=True)
time.sleep(600)
"""


@contextmanager
def _killed_owner(folder: Path, *, freeze: bool) -> Iterator[list[psutil.Process]]:
    """The processes of two servers whose owner was killed with -9, frozen at that moment or not."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        servers = [psutil.Process(int(word)) for word in owner.stdout.readline().split()]
        family = [*servers, *servers[0].children(recursive=True)]
        if freeze:
            for server in servers:
                server.suspend()
        owner.kill()
        owner.wait()
        yield family


def _is_gone(process: psutil.Process) -> bool:
    """A zombie counts as gone: nobody may reap it where process 1 is not an init."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_servers_die_with_their_owner(tmp_path: Path) -> None:
    with _killed_owner(tmp_path, freeze=False) as family:
        deadline = time.monotonic() + GONE_TIMEOUT_S
        while not all(_is_gone(one) for one in family) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert [one for one in family if not _is_gone(one)] == []


def test_the_next_owner_waits_for_servers_that_take_long_to_die(tmp_path: Path) -> None:
    with _killed_owner(tmp_path, freeze=True) as family:
        thaw = threading.Timer(0.5, lambda: [one.resume() for one in family[:2]])
        thaw.start()
        postgres = start_postgres(tmp_path / "postgres")
        assert _is_gone(family[0])
        server = start_redis(tmp_path / "redis")
        assert _is_gone(family[1])
        thaw.join()
    try:
        with _connect(postgres) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        with redis.Redis.from_url(server.url) as client:
            assert client.get("kept") == b"7"
    finally:
        postgres.stop()
        server.stop()


def test_redis_keeps_a_queue_through_kill_9(tmp_path: Path) -> None:
    server = start_redis(tmp_path)
    try:
        with redis.Redis.from_url(server.url) as client:
            client.rpush("queue", *range(1000))
            pid, url = server.pid, server.url
            server.kill()
            assert not server.is_running()
            server.start()
            assert (server.url, server.pid != pid) == (url, True)
            assert client.llen("queue") == 1000
    finally:
        server.stop()


def test_redis_never_evicts_and_can_be_emptied(tmp_path: Path) -> None:
    server = start_redis(tmp_path)
    try:
        with redis.Redis.from_url(server.url) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            client.set("a", "1")
            server.flush()
            assert client.dbsize() == 0
    finally:
        server.stop()


def test_a_redis_folder_in_use_is_refused(tmp_path: Path) -> None:
    server = start_redis(tmp_path)
    try:
        with pytest.raises(AlreadyRunningError):
            start_redis(tmp_path)
    finally:
        server.stop()
