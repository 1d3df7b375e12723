"""Tabs, timeline, notes and files on the page of a client."""

import io
import re
from datetime import date

import pytest
from flask import Flask
from sqlalchemy.exc import ProgrammingError

from core.clock import now
from core.errors import InvalidInputError
from core.ids import new_id
from core.tenancy import Actor, Scope, tenant_scope
from core.uow import unit_of_work
from payments.auto_payment import AutoPayment
from tenants import client_files, client_notes, events
from tenants.client_record_models import ClientFile, ClientNote
from tenants.models import AuditRecord, File
from tests.factories.cast import Client, Tenant, make_client
from tests.portal.browser import HTMX, Browser, signed_in
from tests.portal.office import desk

TABS = (
    "", "/timeline", "/transactions", "/invoices", "/refills", "/mail", "/events", "/audit",
    "/notes", "/files",
)  # fmt: skip
IN_TABS = {**HTMX, "HX-Target": "tabs"}
PDF = b"%PDF-1.7 some contract"


@pytest.fixture
def address(acme_client: Client) -> str:
    return f"/office/clients/{acme_client.id}"


def add_note(browser: Browser, address: str, body: str, **more: str):
    drawn = browser.get(f"{address}/notes")
    form = {"note_id": desk.hidden(drawn, "note_id"), "body": body, **more}
    return form, browser.post(f"{address}/notes", data=form)


def upload(browser: Browser, address: str, name: str, content: bytes = PDF, file_id: str = ""):
    wanted = file_id or desk.hidden(browser.get(f"{address}/files"), "file_id")
    return browser.post(
        f"{address}/files",
        data={"file_id": wanted, "file": (io.BytesIO(content), name)},
        content_type="multipart/form-data",
    )


@pytest.mark.parametrize("tab", TABS)
def test_each_tab_is_an_address_and_a_part(as_owner: Browser, address: str, tab: str) -> None:
    page = as_owner.get(address + tab)
    part = as_owner.get(address + tab, headers=IN_TABS)

    assert page.status_code == part.status_code == 200
    assert "<html" in page.text
    assert part.text.lstrip().startswith('<div id="tabs">')
    assert "figure-amount" not in part.text, "the head is not drawn again for a tab"
    assert page.text.count('aria-current="page"') >= 1
    whole = as_owner.get(address + tab, headers={**HTMX, "HX-Target": "page"})
    assert whole.text.lstrip().startswith('<div id="page">')


def test_a_tab_shows_nothing_of_another_client(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    other = make_client(acme, "Other")
    desk.pay(acme, acme_client, "77", description="Seen-here-only")
    desk.mail(acme, acme_client, "Seen-here-only")
    for tab in TABS:
        assert "Seen-here-only" not in as_owner.get(f"/office/clients/{other.id}{tab}").text


def test_a_tab_needs_the_permission_of_its_section(app: Flask, acme: Tenant, address: str) -> None:
    with tenant_scope(acme.scope), unit_of_work() as session:
        session.connection().exec_driver_sql(
            "update roles set permissions = '{clients:read}' where name = 'Viewer'"
        )
    browser = signed_in(app, "office", acme.viewer_id, acme.id)

    for tab in TABS:
        wanted = 200 if tab in ("", "/timeline", "/notes", "/files") else 403
        assert browser.get(address + tab).status_code == wanted, tab
    text = browser.get(address).text
    assert "/transactions" not in text
    assert "/audit" not in text


def test_the_timeline_merges_everything_and_leaves_nothing_out(
    as_owner: Browser, acme: Tenant, acme_client: Client, address: str
) -> None:
    at = now()
    # of one instant too: a page ends among them
    for number in range(40):
        desk.pay(acme, acme_client, "1", description=f"P{number:02}", dated_at=at)
        desk.charge(acme, acme_client, "1", description=f"C{number:02}", dated_at=at)
    desk.mail(acme, acme_client, "A subject")
    add_note(as_owner, address, "Call before noon")
    upload(as_owner, address, "deal.pdf")

    seen: list[str] = []
    place = f"{address}/timeline"
    for _page in range(20):
        text = as_owner.get(place).text
        seen += re.findall(r"\b([PC]\d\d)\b", re.sub(r"<details>.*?</details>", "", text, flags=16))
        if "deal.pdf" in text:
            seen += ["file"]
        more = re.search(r'id="timeline-older" href="([^"]+)"', text)
        if not more:
            break
        place = more.group(1).replace("&amp;", "&")

    wanted = [f"{kind}{number:02}" for kind in "PC" for number in range(40)]
    assert sorted(one for one in seen if one != "file") == sorted(wanted)
    assert seen.count("file") == 1


def test_the_timeline_shows_one_kind_on_its_own(
    as_owner: Browser, acme: Tenant, acme_client: Client, address: str
) -> None:
    desk.pay(acme, acme_client, "1", description="A transfer")
    add_note(as_owner, address, "Call before noon")

    text = as_owner.get(f"{address}/timeline?kind=note").text

    assert "Call before noon" in text
    assert "A transfer" not in text


@pytest.mark.parametrize("before", ["x", "~~", "2026-01-01~payment~1", "2026~nothing~1", "a~b~c~d"])
def test_a_place_that_is_none_begins_at_the_head(
    as_owner: Browser, address: str, before: str
) -> None:
    assert as_owner.get(f"{address}/timeline", query_string={"before": before}).status_code == 200


def test_what_comes_next_is_said_in_words(as_owner: Browser, acme: Tenant, settings) -> None:
    client = make_client(acme, "Auto Ltd", auto=AutoPayment(enabled=True))
    account = desk.gateway(acme, settings.credential_key_ring)
    address = f"/office/clients/{client.id}"
    assert "has saved no card" in as_owner.get(address).text

    desk.card(acme, client, account)
    desk.pay(acme, client, "50")
    assert "Visa ···· 4242 will be charged when Available falls to 0.00 USD" in (
        as_owner.get(address).text
    )

    desk.charge(acme, client, "95", tax_mode="none")
    assert "45.00 USD would be charged to the card now" in as_owner.get(address).text


def test_the_tab_of_changes_is_there_for_who_may_read_them(as_owner: Browser, address: str) -> None:
    text = as_owner.get(f"{address}/audit").text
    assert "/office/audit/?client=" in text
    assert "Orbit Calls" in text


def test_what_happened_to_a_client_is_told_in_the_language_of_the_reader(
    as_owner: Browser, acme: Tenant, acme_client: Client, address: str
) -> None:
    desk.charge(acme, acme_client, "30", dated_at=desk.some_days_ago())
    desk.invoice(acme, acme_client)
    with tenant_scope(acme.scope), unit_of_work() as session:
        days = {"first": date(2026, 6, 1), "last": date(2026, 6, 30)}
        events.record(
            session,
            reseller_id=acme.id,
            client_id=acme_client.id,
            level="info",
            service="invoicing",
            code="invoice_skipped",
            text=events.EventText(
                "No invoice for %(first)s to %(last)s: nothing was charged.", **days
            ),
        )
    as_owner.post("/account/language", data={"locale": "de"})

    for tab in ("/events", "/timeline", ""):
        text = as_owner.get(address + tab).text
        assert "Es wurde nichts belastet." in text, tab
        assert "nothing was charged" not in text, tab
    text = as_owner.get(f"{address}/audit").text
    assert "to_verify" not in text, "stored words stay in the database"
    assert "angelegt" in text or "erstellt" in text
    assert ">create<" not in text


class TestNotes:
    def test_a_note_has_its_author_and_is_kept_once(
        self, as_owner: Browser, acme: Tenant, address: str
    ) -> None:
        form, first = add_note(as_owner, address, "Call\nbefore noon")
        second = as_owner.post(f"{address}/notes", data=form)

        (note,) = desk.stored(acme, ClientNote)
        assert (first.status_code, second.status_code) == (303, 303)
        assert (note.body, note.author) == ("Call\nbefore noon", acme.owner_email)
        assert "before noon" in as_owner.get(f"{address}/notes").text

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ("   ", "Write something"),
            ("x" * 4001, "Use at most 4"),
            ("4111 1111 1111 1111", "card"),
        ],
    )
    def test_a_note_that_cannot_be_kept_is_shown_with_the_reason(
        self, as_owner: Browser, acme: Tenant, address: str, body: str, words: str
    ) -> None:
        _form, answer = add_note(as_owner, address, body)

        assert answer.status_code == 422
        assert words in answer.text
        assert desk.stored(acme, ClientNote) == []

    def test_only_the_author_changes_and_deletes_it(
        self, as_owner: Browser, acme: Tenant, acme_client: Client, app: Flask, address: str
    ) -> None:
        add_note(as_owner, address, "Mine")
        (note,) = desk.stored(acme, ClientNote)
        with tenant_scope(acme.scope), unit_of_work() as session:
            session.connection().exec_driver_sql(
                "update roles set permissions = array_append(permissions, 'clients:write')"
                " where name = 'Viewer'"
            )
        colleague = signed_in(app, "office", acme.viewer_id, acme.id)
        here = f"{address}/notes/{note.id}"

        assert colleague.post(here, data={"body": "Yours", "version": "1"}).status_code == 403
        assert colleague.post(f"{here}/delete").status_code == 403
        assert colleague.post(f"{here}/pin", data={"pinned": "1"}).status_code == 303
        assert f"{here}/delete" not in colleague.get(f"{address}/notes").text
        assert as_owner.post(here, data={"body": "Better", "version": "1"}).status_code == 303
        (note,) = desk.stored(acme, ClientNote)
        assert (note.body, note.is_pinned) == ("Better", True)
        assert note.edited_at is not None
        assert as_owner.post(f"{here}/delete").status_code == 303
        assert desk.stored(acme, ClientNote) == []

    def test_two_windows_do_not_overwrite_each_other(
        self, as_owner: Browser, acme: Tenant, address: str
    ) -> None:
        add_note(as_owner, address, "First")
        (note,) = desk.stored(acme, ClientNote)
        here = f"{address}/notes/{note.id}"

        as_owner.post(here, data={"body": "Second", "version": "1"})
        answer = as_owner.post(here, data={"body": "Third", "version": "1"})

        assert answer.status_code == 409
        assert "changed in another window" in answer.text
        assert "Third" in answer.text, "nothing typed is lost"

    def test_a_viewer_writes_none(self, as_viewer: Browser, acme: Tenant, address: str) -> None:
        assert 'name="body"' not in as_viewer.get(f"{address}/notes").text
        answer = as_viewer.post(f"{address}/notes", data={"note_id": "0" * 32, "body": "By hand"})
        assert answer.status_code == 403

    def test_the_log_names_the_act_and_not_the_words(
        self, as_owner: Browser, acme: Tenant, address: str
    ) -> None:
        add_note(as_owner, address, "Secret-agreement")

        (record,) = desk.stored(acme, AuditRecord, object_type="client_note")
        assert record.action == "create"
        assert "Secret-agreement" not in str(record.changes)

    def test_a_note_of_another_client_is_not_found(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        other = make_client(acme, "Other")
        add_note(as_owner, f"/office/clients/{other.id}", "Elsewhere")
        (note,) = desk.stored(acme, ClientNote)
        here = f"/office/clients/{acme_client.id}/notes/{note.id}"

        for path in (here, f"{here}/delete", f"{here}/pin"):
            assert as_owner.post(path, data={"body": "x", "version": "1"}).status_code == 404


class TestFiles:
    def test_a_file_comes_back_as_it_was_and_only_to_be_saved(
        self, as_owner: Browser, acme: Tenant, address: str
    ) -> None:
        assert upload(as_owner, address, "../../etc/Deal\u202efdp.pdf").status_code == 303

        (kept,) = desk.stored(acme, ClientFile)
        answer = as_owner.get(f"{address}/files/{kept.file_id}")
        assert answer.data == PDF
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert "Dealfdp.pdf" in answer.headers["Content-Disposition"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.mimetype == "application/pdf"

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("page.html", b"<script>", "not taken"),
            ("picture.svg", b"<svg/>", "not taken"),
            ("run.exe", b"MZ", "not taken"),
            ("no-ending", PDF, "a name and an ending"),
            ("fake.pdf", b"<html>", "no pdf file"),
            ("fake.png", b"GIF89a", "no png file"),
            ("fake.txt", b"a\x00b", "no txt file"),
            ("empty.txt", b"", "empty"),
        ],
    )
    def test_what_is_not_on_the_list_is_refused_with_the_reason(
        self, as_owner: Browser, acme: Tenant, address: str, name: str, content: bytes, words: str
    ) -> None:
        answer = upload(as_owner, address, name, content)

        assert answer.status_code == 422
        assert words in answer.text
        assert desk.stored(acme, File) == []

    def test_too_many_bytes_are_refused(self, acme: Tenant, acme_client: Client) -> None:
        content = b"x" * (client_files.MAX_BYTES + 1)
        with (
            tenant_scope(acme.scope),
            unit_of_work() as session,
            pytest.raises(InvalidInputError, match="at most 10 MB"),
        ):
            client_files.create_client_file(
                session, acme_client.id, file_id=new_id(), name="large.txt", content=content
            )

    def test_a_second_click_and_the_same_bytes_keep_one(
        self, as_owner: Browser, acme: Tenant, address: str
    ) -> None:
        drawn = desk.hidden(as_owner.get(f"{address}/files"), "file_id")
        for _ in range(2):
            assert upload(as_owner, address, "deal.pdf", file_id=drawn).status_code == 303
        again = upload(as_owner, address, "copy.pdf")

        assert again.status_code == 422
        assert "already, as deal.pdf" in again.text
        assert len(desk.stored(acme, File)) == 1

    def test_a_deleted_file_is_gone_and_in_the_log(
        self, as_owner: Browser, acme: Tenant, address: str
    ) -> None:
        upload(as_owner, address, "deal.pdf")
        (kept,) = desk.stored(acme, ClientFile)

        first = as_owner.post(f"{address}/files/{kept.file_id}/delete")
        second = as_owner.post(f"{address}/files/{kept.file_id}/delete")

        assert (first.status_code, second.status_code) == (303, 404)
        assert desk.stored(acme, File) == []
        actions = [one.action for one in desk.stored(acme, AuditRecord, object_type="client_file")]
        assert sorted(actions) == ["create", "delete"]

    def test_the_file_of_an_invoice_is_no_file_of_the_page(
        self, as_owner: Browser, acme: Tenant, acme_client: Client, address: str
    ) -> None:
        desk.charge(acme, acme_client, "30", dated_at=desk.some_days_ago())
        desk.invoice(acme, acme_client)
        (file,) = desk.stored(acme, File)

        assert as_owner.get(f"{address}/files/{file.id}").status_code == 404
        assert as_owner.post(f"{address}/files/{file.id}/delete").status_code == 404
        assert len(desk.stored(acme, File)) == 1

    def test_neither_a_stranger_nor_the_client_itself_reaches_it(
        self,
        as_owner: Browser,
        as_stranger: Browser,
        as_client: Browser,
        acme: Tenant,
        acme_client: Client,
        address: str,
    ) -> None:
        upload(as_owner, address, "deal.pdf")
        (kept,) = desk.stored(acme, ClientFile)

        assert as_stranger.get(f"{address}/files/{kept.file_id}").status_code == 404
        assert as_client.get(f"{address}/files/{kept.file_id}").status_code in (303, 403)
        # even a panel that forgot to ask would see no row of it
        with tenant_scope(acme_client.panel_scope), unit_of_work() as session:
            files = session.connection().exec_driver_sql("select count(*) from files").scalar()
        assert files == 0


def _seen_in_panel(client: Client, statement: str) -> object:
    with tenant_scope(client.panel_scope), unit_of_work() as session:
        return session.connection().exec_driver_sql(statement).scalar()


def test_the_panel_still_reads_the_files_of_its_invoices(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    desk.charge(acme, acme_client, "30", dated_at=desk.some_days_ago())
    desk.invoice(acme, acme_client)
    assert _seen_in_panel(acme_client, "select count(*) from files") == 1


def test_notes_are_closed_to_the_panel(acme: Tenant, acme_client: Client) -> None:
    for table in ("client_notes", "client_files"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            _seen_in_panel(acme_client, f"select count(*) from {table}")


def test_a_note_by_the_platform_belongs_to_nobody_of_the_reseller(acme, acme_client) -> None:
    scope = Scope((acme.id,), actor=Actor("platform", acme.owner_id, "admin@platform.example"))
    with tenant_scope(scope), unit_of_work() as session:
        note = client_notes.create_note(session, acme_client.id, note_id=new_id(), body="Hello")
    assert not client_notes.is_own(note, acme.scope.actor)
