"""Health: rules that must hold, a broken row is named; settings of the platform."""

import psycopg
import pytest
from sqlalchemy import delete, select

from core import jobs
from core.clock import now
from core.invariants import InvariantResult
from core.platform_uow import platform_unit_of_work
from portal.platform.health import queries
from portal.platform.health.rules import GROUPS, RULES
from tenants.models import Event
from tests.factories.cast import make_client, make_platform_user
from tests.portal.browser import HTMX, signed_in
from tests.portal.office import desk
from worker.sweeps import invariants

PAGE = "/platform/health/"


@pytest.fixture
def mighty(postgres):
    """Somebody in the database whom nothing stops: the triggers and keys are off."""
    with psycopg.connect(
        host=str(postgres.socket_dir), user="postgres", dbname="portal", autocommit=True
    ) as connection:
        connection.execute("set session_replication_role = replica")
        yield connection


@pytest.fixture
def sent_jobs():
    """What is asked of the workers."""
    sent = []
    jobs.configure(sent.append)
    yield sent
    jobs._senders.clear()


@pytest.fixture(autouse=True)
def no_results(clean_database):
    """Each test asks anew."""


def check_all():
    for rule in invariants.list_rules():
        invariants.check(rule.name)


def result_of(name):
    with platform_unit_of_work() as session:
        return session.get(InvariantResult, name)


def test_the_page_knows_every_rule_that_the_worker_asks():
    asked = {rule.name: rule.number for rule in invariants.list_rules()}
    assert asked == queries.NUMBERS
    assert set(asked) == set(RULES)
    assert set(asked.values()) == set(GROUPS) == set(range(1, 16))


def test_everything_holds_where_nothing_was_touched(
    as_platform_admin, acme, globex, acme_client, globex_client
):
    assert "were not asked lately" in as_platform_admin.get(PAGE).text
    desk.pay(acme, acme_client, "50")
    desk.charge(acme, acme_client, "20")
    check_all()
    with platform_unit_of_work() as session:
        wrong = session.scalars(select(InvariantResult).where(~InvariantResult.ok)).all()
        assert [(one.rule, one.error, one.findings) for one in wrong] == []
    page = as_platform_admin.get(PAGE).text
    assert "Everything holds." in page
    assert page.count(">holds<") == len(RULES)


class TestBroken:
    def test_a_balance_that_was_changed_from_outside_is_named(
        self, as_platform_admin, acme, globex, acme_client, mighty
    ):
        desk.pay(acme, acme_client, "50")
        check_all()
        held_at = result_of("balance_differs").held_at
        mighty.execute("update client_balances set live = live + 1")
        invariants.check("balance_differs")

        result = result_of("balance_differs")
        assert not result.ok
        assert result.held_at == held_at
        page = as_platform_admin.get(PAGE).text
        assert "1 rule does not hold." in page
        assert f"client {acme_client.id}" in page
        assert f"/platform/resellers/{acme.id}" in page
        assert f"/platform/resellers/{globex.id}" not in page
        (event,) = [one for one in desk.stored(acme, Event) if one.service == "health"]
        assert event.level == "error"
        assert "balance_differs" in event.text

        invariants.check("balance_differs")
        assert len([one for one in desk.stored(acme, Event) if one.service == "health"]) == 1

        mighty.execute("update client_balances set live = live - 1")
        invariants.check("balance_differs")
        assert result_of("balance_differs").ok
        assert "Everything holds." in as_platform_admin.get(PAGE).text

    @pytest.mark.parametrize(
        ("rule", "statement"),
        [
            ("entry_unbalanced", "update ledger_lines set amount = amount + 1 where line_no = 1"),
            ("currency_unbalanced", "update ledger_lines set amount = -amount where line_no = 1"),
            ("row_of_another_tenant", "update transactions set reseller_id = %(globex)s"),
            ("audit_chain_incomplete", "insert into audit_chains (reseller_id, seal_no, seal_hash)"
             " values (%(acme)s, 7, 'x')"),
            ("act_without_record", "update resellers set status = 'suspended' where id = %(acme)s"),
            ("file_changed", "insert into files (id, reseller_id, name, media_type, sha256, size,"
             " content) values (gen_random_uuid(), %(acme)s, 'f', 'text/plain', 'x', 1, 'a')"),
            ("orphan_file", "insert into files (id, reseller_id, name, media_type, sha256, size,"
             " content, created_at) values (gen_random_uuid(), %(acme)s, 'f', 'text/plain', 'x', 1,"
             " 'a', now() - interval '2 days')"),
            ("mail_waits", "insert into mail_messages (id, reseller_id, kind, dedupe_key,"
             " message_id, from_address, to_address, subject, body_text, next_attempt_at) values"
             " (gen_random_uuid(), %(acme)s, 'report', 'k', 'm', 'a@b', 'c@d', 's', 't',"
             " now() - interval '1 hour')"),
        ],
    )  # fmt: skip
    def test_each_kind_of_damage_is_found(self, acme, globex, acme_client, mighty, rule, statement):
        desk.pay(acme, acme_client, "50")
        invariants.check(rule)
        assert result_of(rule).ok, result_of(rule).findings
        mighty.execute(statement, {"acme": acme.id, "globex": globex.id})
        invariants.check(rule)
        result = result_of(rule)
        assert not result.ok
        assert result.error == ""
        assert result.found >= 1

    def test_only_the_first_rows_of_each_tenant_are_kept_and_all_are_counted(
        self, acme, mighty, as_platform_admin
    ):
        for number in range(8):
            make_client(acme, f"Client {number}", login=f"c{number}")
        mighty.execute("update client_balances set fixed = 3")
        invariants.check("balance_differs")
        result = result_of("balance_differs")
        assert result.found == 8
        assert len(result.findings[str(acme.id)]["objects"]) == 5
        assert "8 rows break it." in as_platform_admin.get(PAGE).text

    def test_a_rule_that_cannot_be_asked_does_not_hold(self, as_platform_admin, acme, mighty):
        mighty.execute("revoke select on client_balances from portal_platform")
        try:
            invariants.check("balance_differs")
            assert result_of("balance_differs").error == "InsufficientPrivilege"
            assert "could not be asked" in as_platform_admin.get(PAGE).text
        finally:
            mighty.execute("grant select on client_balances to portal_platform")

    def test_the_metrics_tell_of_it(self, as_platform_admin, acme, acme_client, mighty):
        mighty.execute("update client_balances set fixed = 3")
        invariants.check("balance_differs")
        text = as_platform_admin.get("/metrics").text
        assert 'portal_invariant_broken{rule="balance_differs"} 1.0' in text


class TestAskingNow:
    def test_a_click_asks_for_every_rule_and_the_box_follows(
        self, as_platform_admin, acme, sent_jobs
    ):
        answer = as_platform_admin.post(PAGE + "run")
        assert answer.status_code == 303
        asked = [job for job in sent_jobs if job.name == "invariants.check"]
        assert {job.args["rule"] for job in asked} == set(RULES)
        assert all(job.reseller_id is None for job in asked)
        box = answer.location.replace(PAGE, PAGE + "progress")
        assert "Asking every rule" in as_platform_admin.get(box, headers=HTMX).text
        check_all()
        assert "Asked: everything holds" in as_platform_admin.get(box, headers=HTMX).text
        assert as_platform_admin.get(PAGE + "progress").status_code == 404

    def test_a_viewer_looks_and_does_not_ask(self, app, acme):
        viewer = signed_in(app, "platform", make_platform_user("v@p.example", "viewer"), None)
        page = viewer.get(PAGE)
        assert page.status_code == 200
        assert "Check now" not in page.text
        assert viewer.post(PAGE + "run").status_code == 403

    def test_the_hourly_sweep_asks_for_all_and_forgets_rules_of_old(self, acme, sent_jobs):
        with platform_unit_of_work() as session:
            session.execute(delete(InvariantResult))
            session.add(
                InvariantResult(
                    rule="gone",
                    number=1,
                    checked_at=now(),
                    ok=True,
                    found=0,
                    findings={},
                    took_ms=1,
                )
            )
        with platform_unit_of_work() as session:
            invariants.ask_all(session)
        assert {job.args["rule"] for job in sent_jobs} == set(RULES)
        assert result_of("gone") is None


def test_no_tenant_sees_the_health_of_all(as_owner, as_client):
    assert as_owner.get(PAGE).status_code == 403
    assert as_client.get(PAGE).status_code in {303, 403}
