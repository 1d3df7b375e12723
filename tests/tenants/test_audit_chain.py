"""The chain of the audit log: whole for honest work, and any tampering is named."""

import json
import threading

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tenants import audit, audit_chain
from tenants.models import AuditRecord, Event
from tenants.record_models import AuditChain, AuditCheck
from tests.factories.cast import Tenant, make_tenant


@pytest.fixture
def acme(clean_database) -> Tenant:
    return chained_tenant("Acme")


@pytest.fixture
def superuser(postgres, settings):
    """Whoever owns the machine: no wall, no trigger."""
    with psycopg.connect(
        host=str(postgres.socket_dir), user="postgres", dbname="portal", autocommit=True
    ) as connection:
        connection.execute("set session_replication_role = replica")
        yield connection


def chained_tenant(name: str) -> Tenant:
    tenant = make_tenant(name, name.lower())
    write(tenant, "first", "second", "third")
    seal(tenant)
    return tenant


def write(tenant: Tenant, *names: str) -> None:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        for name in names:
            audit.record(
                session,
                reseller_id=tenant.id,
                action="update",
                object_type="client",
                object_id=1,
                object_label=name,
                changes={"name": ("ü" + name, {"a": 1}.get("a")), "tags": ([], ["x"])},
            )


def seal(tenant: Tenant) -> int:
    sealed = 0
    while True:
        with tenant_scope(tenant.scope), unit_of_work() as session:
            found = audit_chain.seal_records(session, tenant.id)
        if not found:
            return sealed
        sealed += found


def verify(tenant: Tenant) -> audit_chain.ChainCheck:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        return audit_chain.verify_chain(session, tenant.id)


def records(tenant: Tenant) -> list[AuditRecord]:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        return list(
            session.scalars(
                select(AuditRecord)
                .where(AuditRecord.reseller_id == tenant.id)
                .order_by(AuditRecord.seal_no)
            )
        )


def test_what_is_written_is_chained_without_a_gap_and_holds(acme: Tenant):
    before = verify(acme).seal_no
    write(acme, "one", "two", "three")
    assert seal(acme) == 3

    check = verify(acme)

    assert check.ok
    assert check.seal_no == before + 3
    assert [one.seal_no for one in records(acme)] == list(range(1, check.seal_no + 1))


def test_an_empty_log_holds(clean_database):
    with platform_unit_of_work() as session:
        assert audit_chain.verify_chain(session, 4242).ok


class TestTampering:
    @pytest.mark.parametrize(
        "change",
        [
            "actor_label = 'somebody else'",
            "at = at + interval '1 microsecond'",
            "changes = jsonb_set(changes, '{name,0}', '\"other\"')",
            "ip = '10.0.0.1'",
            "client_id = 77",
            "object_label = object_label || ' '",
            "action = 'create'",
        ],
    )
    def test_a_changed_record_is_named(self, acme: Tenant, superuser, change: str):
        write(acme, "one", "two", "three")
        seal(acme)
        victim = records(acme)[-2]
        superuser.execute(f"update audit_log set {change} where id = {victim.id}")

        check = verify(acme)

        assert check.finding == {
            "kind": "changed",
            "seal_no": victim.seal_no,
            "record_id": victim.id,
        }

    def test_a_record_gone_from_the_middle_is_noticed(self, acme: Tenant, superuser):
        write(acme, "one", "two", "three")
        seal(acme)
        *_, victim, last = records(acme)
        superuser.execute(f"delete from audit_log where id = {victim.id}")

        assert verify(acme).finding == {
            "kind": "missing",
            "seal_no": victim.seal_no,
            "until": victim.seal_no,
            "record_id": last.id,
        }

    def test_a_record_gone_from_the_end_is_noticed(self, acme: Tenant, superuser):
        write(acme, "one", "two")
        seal(acme)
        last = records(acme)[-1]
        superuser.execute(f"delete from audit_log where id = {last.id}")

        assert verify(acme).finding == {
            "kind": "cut",
            "seal_no": last.seal_no,
            "until": last.seal_no,
        }

    def test_two_records_that_changed_places_are_noticed(self, acme: Tenant, superuser):
        write(acme, "one", "two")
        seal(acme)
        first, second = records(acme)[-2:]
        superuser.execute("update audit_log set seal_no = -1 where id = %s", (first.id,))
        superuser.execute(
            "update audit_log set seal_no = %s, seal_hash = %s where id = %s",
            (first.seal_no, first.seal_hash, second.id),
        )
        superuser.execute(
            "update audit_log set seal_no = %s, seal_hash = %s where id = %s",
            (second.seal_no, second.seal_hash, first.id),
        )

        assert verify(acme).finding["kind"] == "changed"

    def test_a_chain_that_was_computed_anew_differs_from_an_earlier_proof(
        self, acme: Tenant, superuser
    ):
        write(acme, "one", "two")
        seal(acme)
        with tenant_scope(acme.scope), unit_of_work() as session:
            assert audit_chain.check_chain(session, acme.id).ok
        self._compute_anew(acme, superuser)

        assert verify(acme).finding["kind"] == "rewritten"

    def test_a_chain_cut_back_with_its_head_differs_from_an_earlier_proof(
        self, acme: Tenant, superuser
    ):
        write(acme, "one", "two")
        seal(acme)
        with tenant_scope(acme.scope), unit_of_work() as session:
            audit_chain.check_chain(session, acme.id)
        kept, last = records(acme)[-2:]
        superuser.execute(f"delete from audit_log where id = {last.id}")
        superuser.execute(
            "update audit_chains set seal_no = %s, seal_hash = %s", (kept.seal_no, kept.seal_hash)
        )

        assert verify(acme).finding == {"kind": "rewritten", "seal_no": last.seal_no}

    def test_a_head_kept_elsewhere_proves_it_even_when_the_proofs_were_rewritten(
        self, acme: Tenant, superuser, settings, tmp_path
    ):
        write(acme, "one", "two")
        seal(acme)
        head = portal("audit", "heads", settings=settings).output
        kept = tmp_path / "heads"
        kept.write_text(head)
        self._compute_anew(acme, superuser)
        superuser.execute("delete from audit_checks")

        assert portal("audit", "verify", settings=settings).exit_code == 0
        answer = portal("audit", "verify", "--heads", str(kept), settings=settings)

        assert answer.exit_code == 1
        assert "another than an earlier proof saw" in answer.output

    def _compute_anew(self, acme: Tenant, superuser) -> None:
        """The forger knows the code: every seal after the changed record is made to fit."""
        superuser.execute("update audit_log set actor_label = 'forged' where seal_no = 1")
        superuser.execute("update audit_log set seal_no = null, seal_hash = null")
        superuser.execute("delete from audit_chains")
        seal(acme)


class TestDatabase:
    @pytest.mark.parametrize(
        "statement",
        [
            "update audit_log set seal_no = 1000000, seal_hash = 'x'",
            "delete from audit_log",
        ],
    )
    def test_a_sealed_record_takes_no_change_from_the_application(
        self, acme: Tenant, statement: str
    ):
        with (
            tenant_scope(acme.scope),
            unit_of_work() as session,
            pytest.raises(DBAPIError, match=r"append-only|permission denied"),
        ):
            session.execute(text(statement))

    def test_not_even_the_owner_of_the_table_changes_a_record(self, acme: Tenant, postgres):
        with psycopg.connect(
            host=str(postgres.socket_dir), user="postgres", dbname="portal", autocommit=True
        ) as connection:
            for statement in (
                "update audit_log set action = 'x'",
                "update audit_log set seal_no = null",
                "update audit_log set seal_hash = 'x'",
                "delete from audit_log",
                "truncate audit_log cascade",
                "update audit_chains set seal_no = 0",
                "delete from audit_chains",
            ):
                with pytest.raises(psycopg.Error, match=r"append-only|only grows"):
                    connection.execute(statement)

    def test_an_unsealed_record_takes_its_seal_and_nothing_else(self, acme: Tenant, postgres):
        write(acme, "one")
        with psycopg.connect(
            host=str(postgres.socket_dir), user="postgres", dbname="portal", autocommit=True
        ) as connection:
            for columns in (
                "action = 'x'",
                "seal_no = 9, seal_hash = 'x', action = 'x'",
                "seal_no = 9",
            ):
                with pytest.raises(psycopg.Error, match="append-only"):
                    connection.execute(f"update audit_log set {columns} where seal_no is null")

    def test_a_record_is_not_written_with_a_seal(self, acme: Tenant):
        with (
            tenant_scope(acme.scope),
            unit_of_work() as session,
            pytest.raises(DBAPIError, match="not given with the row"),
        ):
            session.execute(
                text(
                    "insert into audit_log (reseller_id, at, actor_kind, actor_label, action,"
                    " object_type, object_id, seal_no, seal_hash)"
                    " values (:id, now(), 'user', 'x', 'x', 'x', '1', 1, 'x')"
                ),
                {"id": acme.id},
            )


class TestConcurrency:
    def test_writers_wait_for_no_sealer_and_no_other_writer(self, acme: Tenant):
        """A sealer and a writer that have not committed hold up nobody."""
        write(acme, "zero")
        with tenant_scope(acme.scope), unit_of_work() as held:
            audit_chain.seal_records(held, acme.id)
            with unit_of_work() as other:
                other.execute(text("set local lock_timeout = '300ms'"))
                audit.record(
                    other, reseller_id=acme.id, action="x", object_type="client", object_id=1
                )
                with unit_of_work() as third:
                    third.execute(text("set local lock_timeout = '300ms'"))
                    audit.record(
                        third, reseller_id=acme.id, action="x", object_type="client", object_id=1
                    )
        assert seal(acme) == 2
        assert verify(acme).ok

    def test_a_record_that_commits_late_is_chained_after_younger_ones(self, acme: Tenant):
        with tenant_scope(acme.scope), unit_of_work() as slow:
            audit.record(slow, reseller_id=acme.id, action="x", object_type="slow", object_id=1)
            write(acme, "quick")
            assert seal(acme) == 1
        assert seal(acme) == 1
        found = records(acme)[-2:]
        assert [one.object_type for one in found] == ["client", "slow"]
        assert found[0].id > found[1].id
        assert verify(acme).ok

    def test_many_writers_and_sealers_make_one_chain(self, acme: Tenant):
        before = verify(acme).seal_no
        failures: list[Exception] = []

        def work(number: int) -> None:
            try:
                for turn in range(10):
                    write(acme, f"{number}-{turn}")
                    seal(acme)
            except Exception as error:  # noqa: BLE001 (told below)
                failures.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seal(acme)

        assert failures == []
        check = verify(acme)
        assert check.ok, check.finding
        assert check.seal_no == before + 60


def test_a_broken_chain_is_kept_told_and_stays_broken(acme: Tenant, superuser):
    superuser.execute("update audit_log set actor_label = 'x' where seal_no = 2")
    for _time in range(2):
        with tenant_scope(acme.scope), unit_of_work() as session:
            audit_chain.check_chain(session, acme.id)

    with tenant_scope(acme.scope), unit_of_work() as session:
        last = audit_chain.find_last_check(session, acme.id)
        assert last is not None
        assert (last.ok, last.finding["seal_no"]) == (False, 2)
        (event,) = session.scalars(select(Event).where(Event.code == "audit_chain_broken"))
        assert event.text.endswith("breaks at seal 2.")
        assert session.query(AuditCheck).count() == 2


def test_one_tenants_chain_knows_nothing_of_anothers(acme: Tenant, superuser):
    globex = chained_tenant("Globex")
    superuser.execute(f"update audit_log set action = 'x' where reseller_id = {globex.id}")

    assert verify(acme).ok
    assert not verify(globex).ok
    with tenant_scope(acme.scope), unit_of_work() as session:
        assert set(session.scalars(select(AuditChain.reseller_id))) == {acme.id}
        changed = session.execute(update(AuditChain).values(seal_no=AuditChain.seal_no + 1))
        assert changed.rowcount == 1  # type: ignore[attr-defined]
        session.rollback()


class TestCommandLine:
    def test_it_says_ok_for_whole_chains_and_takes_in_what_has_no_seal_yet(
        self, acme: Tenant, settings
    ):
        write(acme, "one")
        answer = portal("audit", "verify", settings=settings)
        assert answer.exit_code == 0, answer.output
        assert f"acme: ok, {records(acme)[-1].seal_no} records" in answer.output

    def test_it_names_the_record_and_exits_with_1(self, acme: Tenant, superuser, settings):
        chained_tenant("Globex")
        victim = records(acme)[1]
        superuser.execute(f"update audit_log set ip = 'x' where id = {victim.id}")
        answer = portal("audit", "verify", settings=settings)
        assert answer.exit_code == 1
        assert f"acme: BROKEN: the record {victim.id} (seal 2) was changed" in answer.output
        assert "globex: ok" in answer.output
        assert portal("audit", "verify", "--reseller", "globex", settings=settings).exit_code == 0

    def test_an_unknown_reseller_is_refused(self, acme: Tenant, settings):
        assert portal("audit", "verify", "--reseller", "nobody", settings=settings).exit_code == 1

    def test_a_head_that_somebody_changed_is_refused(self, acme: Tenant, settings, tmp_path):
        head = json.loads(portal("audit", "heads", settings=settings).output)
        head["seal_no"] += 1
        forged = tmp_path / "heads"
        forged.write_text(json.dumps(head))
        answer = portal("audit", "verify", "--heads", str(forged), settings=settings)
        assert answer.exit_code == 1
        assert "signature" in answer.output


def portal(*words: str, settings):
    from portal.audit_cli import audit as group

    return CliRunner().invoke(group, list(words[1:]), obj=settings)
