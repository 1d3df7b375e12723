"""The audit log in plain words, events that are taken care of, selected mails."""

import csv
import io

import pytest

from billing import payment_terms
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from mail.models import MailMessage
from mail.notice_models import EventSubscription
from tenants import audit, audit_chain, events
from tenants.events import EventText
from tenants.models import AuditRecord
from tenants.record_models import EventAcknowledgement
from tests.factories.cast import Client, Tenant, make_tenant
from tests.portal.browser import HTMX, Browser
from tests.portal.office import desk

AUDIT, EVENTS, MAIL = "/office/audit/", "/office/events/", "/office/mail/"


def record(tenant: Tenant, **more) -> int:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        audit.record(
            session,
            reseller_id=tenant.id,
            **{
                "action": "update",
                "object_type": "client",
                "object_id": 77,
                "object_label": "Orbit",
                **more,
            },
        )
    return max(one.id for one in desk.stored(tenant, AuditRecord))


class TestAudit:
    def test_fields_and_values_are_said_in_words(self, as_owner: Browser, acme: Tenant) -> None:
        with tenant_scope(acme.scope), unit_of_work() as session:
            terms = payment_terms.create_terms(
                session, reseller_id=acme.id, name="Every week", every_days=7, grace_days=3
            )
        record(
            acme,
            changes={
                "payment_terms_id": (None, terms.id),
                "postpaid": (False, True),
                "status": ("active", "stop"),
                "last_invoiced_on": (None, "2026-03-01"),
                "credit": ("0", "1250.5"),
            },
        )
        page = as_owner.get(AUDIT).text
        for words in (
            "Payment terms",
            "Every week",
            "Postpaid",
            "stopped",
            "1 Mar 2026",
            "1,250.5",
        ):
            assert words in page
        assert "payment_terms_id" not in page
        assert "2026-03-01" not in page

    def test_a_job_is_called_by_what_it_does(self, as_owner: Browser, acme: Tenant) -> None:
        from core.tenancy import Actor

        record(acme, actor=Actor("job", label="billing.invoice_client"))
        page = as_owner.get(AUDIT).text
        assert "Autoinvoicing" in page
        assert "billing.invoice_client" not in page

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", True), ("object=client", True), ("object=invoice", False),
            ("action=update", True), ("action=delete", False), ("id=77", True), ("id=78", False),
            ("person=owner@acme", True), ("person=nobody", False), ("q=orb", True),
            ("q=100%25", False), ("period=today", True), ("ip=10.", False),
        ],
    )  # fmt: skip
    def test_every_filter_narrows(
        self, as_owner: Browser, acme: Tenant, query: str, found: bool
    ) -> None:
        record(acme)
        assert (">Orbit<" in as_owner.get(f"{AUDIT}?{query}").text.replace("\n", "")) is found

    def test_a_record_has_a_page_with_its_seal(self, as_owner: Browser, acme: Tenant) -> None:
        record_id = record(acme, changes={"name": ("Old", "New")})
        assert "sealed within seconds" in as_owner.get(f"{AUDIT}{record_id}").text
        with tenant_scope(acme.scope), unit_of_work() as session:
            audit_chain.seal_records(session, acme.id)
        page = as_owner.get(f"{AUDIT}{record_id}").text
        for words in ("Number in the chain", "Old", "New", acme.owner_email):
            assert words in page

    def test_another_tenants_record_and_object_are_not_there(
        self, as_stranger: Browser, acme: Tenant
    ) -> None:
        record_id = record(acme)
        assert as_stranger.get(f"{AUDIT}{record_id}").status_code == 404
        assert as_stranger.get(f"{AUDIT}objects/client/77").status_code == 404

    def test_a_deleted_object_is_opened_in_its_last_state(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        with tenant_scope(acme.scope), unit_of_work() as session:
            terms = payment_terms.create_terms(
                session, reseller_id=acme.id, name="Fortnight", every_days=14, grace_days=3
            )
            payment_terms.update_terms(
                session, terms.id, name="Fortnight", every_days=14, grace_days=9
            )
            payment_terms.delete_terms(session, terms.id)
        page = as_owner.get(f"{AUDIT}objects/payment_terms/{terms.id}").text
        assert "This is its last state" in page
        assert "<dt>Days to pay</dt><dd>9</dd>" in page
        assert "<dt>Every so many days</dt><dd>14</dd>" in page

    def test_the_export_is_what_the_list_shows_harmless_and_recorded(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        record(acme, object_label="=cmd|' /C calc'!A0", changes={"name": ("a", "+b")})
        record(acme, object_type="invoice", object_label="Other")
        answer = as_owner.post(f"{AUDIT}export?object=client&q=cmd")
        rows = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert len(rows) == 2
        assert rows[1][8] == "'=cmd|' /C calc'!A0"
        assert rows[1][11:14] == ["Name", "a", "'+b"]
        (written,) = desk.stored(acme, AuditRecord, action="export")
        assert written.changes["object"] == [None, "client"]

    def test_an_export_that_is_cut_says_so_in_itself(
        self, as_owner: Browser, acme: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from portal.office.audit import queries

        monkeypatch.setattr(queries, "EXPORT_ROWS", 2)
        for rows, is_cut in ((2, False), (3, True)):
            record(acme, object_label="Orbit", changes={"name": ("a", "b")})
            while len(desk.stored(acme, AuditRecord, object_label="Orbit")) < rows:
                record(acme, object_label="Orbit", changes={"name": ("a", "b")})
            answer = as_owner.post(f"{AUDIT}export?object=client&q=Orbit")
            lines = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
            assert sum(line[0].isdigit() for line in lines) == 2
            assert ("holds the newest 2 records" in lines[-1][0]) is is_cut

    def test_who_may_only_read_takes_nothing_out(self, as_viewer: Browser, acme: Tenant) -> None:
        assert as_viewer.post(f"{AUDIT}export").status_code == 403
        assert "Export" not in as_viewer.get(AUDIT).text

    def test_a_parent_sees_whose_record_it_is(self, as_owner: Browser, acme: Tenant, app) -> None:
        from tests.portal.browser import signed_in

        west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
        record(west, object_label="Western")
        parent = signed_in(app, "office", acme.owner_id, acme.id)
        assert "Acme West" in parent.get(AUDIT).text
        assert "Western" not in parent.get(f"{AUDIT}?reseller={acme.id}").text
        assert "Western" in parent.get(f"{AUDIT}?reseller={west.id}").text

    def test_a_broken_chain_is_told_on_top(self, as_owner: Browser, acme: Tenant, postgres) -> None:
        import psycopg

        record(acme)
        with tenant_scope(acme.scope), unit_of_work() as session:
            audit_chain.seal_records(session, acme.id)
        with psycopg.connect(
            host=str(postgres.socket_dir), user="postgres", dbname="portal", autocommit=True
        ) as connection:
            connection.execute("set session_replication_role = replica")
            connection.execute("update audit_log set action = 'x' where seal_no = 1")
        with tenant_scope(acme.scope), unit_of_work() as session:
            audit_chain.check_chain(session, acme.id)
        assert "its chain breaks at seal 1" in as_owner.get(AUDIT).text


class TestEvents:
    def _happen(self, tenant: Tenant, text: str | EventText = "It happened") -> int:
        from tenants.models import Event

        with tenant_scope(tenant.scope), unit_of_work() as session:
            events.record(
                session,
                reseller_id=tenant.id,
                level="warning",
                service="payments",
                code="test",
                text=text,
            )
        return max(one.id for one in desk.stored(tenant, Event))

    def test_an_event_is_taken_care_of_and_opened_again(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        event_id = self._happen(acme)
        for _click in range(2):
            assert as_owner.post(f"{EVENTS}{event_id}/done").status_code == 303
        (row,) = desk.stored(acme, EventAcknowledgement)
        assert row.author == acme.owner_email
        assert "It happened" not in as_owner.get(f"{EVENTS}?state=open").text
        assert "It happened" in as_owner.get(f"{EVENTS}?state=done").text
        assert as_owner.post(f"{EVENTS}{event_id}/open").status_code == 303
        assert "It happened" in as_owner.get(f"{EVENTS}?state=open").text

    def test_another_tenants_event_is_not_there(self, as_stranger: Browser, acme: Tenant) -> None:
        event_id = self._happen(acme)
        assert as_stranger.post(f"{EVENTS}{event_id}/done").status_code == 404
        assert desk.stored(acme, EventAcknowledgement) == []

    def test_a_person_chooses_only_for_itself(self, as_owner: Browser, acme: Tenant) -> None:
        wishes = {
            "level-any": "error",
            "delivery-any": "daily",
            "level-payments": "info",
            "delivery-payments": "at_once",
            "level-mail": "",
            "level-nothing": "info",
            "level-ledger": "wrong",
        }
        for _click in range(2):
            answer = as_owner.post(f"{EVENTS}notices", data=wishes, headers=HTMX)
            assert answer.status_code == 200
        rows = desk.stored(acme, EventSubscription)
        assert {(one.service, one.level, one.delivery) for one in rows} == {
            ("any", "error", "daily"),
            ("payments", "info", "at_once"),
        }
        assert {one.user_id for one in rows} == {acme.owner_id}
        page = as_owner.get(f"{EVENTS}notices").text
        assert '<option value="daily" selected>' in page

    def test_days_stand_as_people_write_them_and_old_texts_still_show(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        from datetime import date

        self._happen(acme, EventText("No invoice for %(first)s.", first=date(2026, 3, 1)))
        self._happen(acme, "An old text of 2026-03-01 with 100% of it")
        page = as_owner.get(EVENTS).text
        assert "No invoice for 1 Mar 2026." in page
        assert "An old text of 2026-03-01 with 100% of it" in page


class TestSelectedMails:
    def test_those_that_failed_are_sent_again_and_the_rest_is_left(
        self, as_owner: Browser, acme: Tenant, globex: Tenant
    ) -> None:
        failed = [desk.mail(acme, None, state="failed", attempts=5) for _ in range(2)]
        sent = desk.mail(acme, None, state="sent")
        foreign = desk.mail(globex, None, state="failed")
        picked = [str(one) for one in (*failed, sent, foreign)]
        answer = as_owner.post(f"{MAIL}selected/send-again", data={"pick": [*picked, "nonsense"]})
        assert answer.status_code == 303
        page = as_owner.get(MAIL).text
        assert "2 mails are in the queue again." in page
        assert "2 mails were left as they are" in page
        states = {one.id: one.state for one in desk.stored(acme, MailMessage)}
        assert [states[one] for one in (*failed, sent)] == ["queued", "queued", "sent"]
        assert desk.stored(globex, MailMessage)[0].state == "failed"

    def test_those_that_wait_are_deleted(self, as_owner: Browser, acme: Tenant) -> None:
        ids = [desk.mail(acme, None) for _ in range(3)]
        as_owner.post(f"{MAIL}selected/delete", data={"pick": [str(one) for one in ids[:2]]})
        states = {one.id: one.state for one in desk.stored(acme, MailMessage)}
        assert [states[one] for one in ids] == ["deleted", "deleted", "queued"]

    def test_a_viewer_selects_nothing(self, as_viewer: Browser, acme: Tenant) -> None:
        mail_id = desk.mail(acme, None)
        assert 'name="pick"' not in as_viewer.get(MAIL).text
        for action in ("delete", "send-again"):
            answer = as_viewer.post(f"{MAIL}selected/{action}", data={"pick": str(mail_id)})
            assert answer.status_code == 403

    def test_what_was_possibly_sent_twice_can_be_listed(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        desk.mail(acme, acme_client, "Twice", state="sent", possibly_sent_twice=True)
        desk.mail(acme, None, "Once", state="sent")
        assert desk.names_in(as_owner.get(f"{MAIL}?twice=1")) == ["Twice"]
