"""The mail queue: a mail as it was, behind a wall, its files, deleting and sending again."""

import pytest

from core.tenancy import tenant_scope
from core.uow import unit_of_work
from mail.models import MailMessage
from mail.queue import MailKind
from tenants.files import create_file
from tests.factories.cast import Client, Tenant
from tests.portal.browser import Browser
from tests.portal.office import desk

LIST = "/office/mail/"


def test_the_list_shows_state_kind_and_recipient_and_filters(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    desk.mail(acme, acme_client, "Your receipt")
    desk.mail(acme, None, "Your invoice", kind=MailKind.INVOICE, state="failed", last_error="550")

    def names(query: str) -> list[str]:
        return desk.names_in(as_owner.get(LIST + query))

    assert names("") == ["Your invoice", "Your receipt"]
    assert names("?state=failed") == ["Your invoice"]
    assert names("?kind=payment") == ["Your receipt"]
    assert names("?q=RECEIPT") == ["Your receipt"]
    assert names("?q=who@client") == ["Your invoice", "Your receipt"]
    assert names("?q=100%25") == []
    assert names(f"?client={acme_client.id}") == ["Your receipt"]


def test_a_mail_possibly_sent_twice_is_marked(as_owner: Browser, acme: Tenant) -> None:
    mail_id = desk.mail(acme, None, state="sent", possibly_sent_twice=True)

    assert "possibly sent twice" in as_owner.get(LIST).text
    assert "same Message-ID" in as_owner.get(f"{LIST}{mail_id}").text


class TestOpened:
    def test_the_page_shows_the_text_and_frames_the_html(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        mail_id = desk.mail(acme, None, body_text="Plain <b>words</b>")

        answer = as_owner.get(f"{LIST}{mail_id}")

        assert "Plain &lt;b&gt;words&lt;/b&gt;" in answer.text
        assert f'src="{LIST}{mail_id}/html" sandbox' in answer.text
        assert "frame-src 'self'" in answer.headers["Content-Security-Policy"]

    def test_its_html_can_run_nothing_and_reach_nobody(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        mail_id = desk.mail(acme, None, body_html="<p>Marked</p><script>alert(1)</script>")

        answer = as_owner.get(f"{LIST}{mail_id}/html")
        policy = answer.headers["Content-Security-Policy"]

        assert answer.text == "<p>Marked</p><script>alert(1)</script>"
        assert "default-src 'none'" in policy
        assert "sandbox" in policy.split("; ")
        assert "script-src" not in policy
        assert "form-action 'none'" in policy

    def test_other_pages_allow_no_frame(self, as_owner: Browser) -> None:
        assert "frame-src" not in as_owner.get(LIST).headers["Content-Security-Policy"]

    def test_an_attachment_is_saved_and_only_with_its_own_mail(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        with tenant_scope(acme.scope), unit_of_work() as session:
            file = create_file(
                session,
                reseller_id=acme.id,
                client_id=None,
                name='Rech"nung\r\n№ 1.html',
                media_type="text/html",
                content=b"<script>alert(1)</script>",
            )
        mail_id, other_id = (desk.mail(acme, None, file_ids=ids) for ids in ((file.id,), ()))

        answer = as_owner.get(f"{LIST}{mail_id}/files/{file.id}")

        assert answer.data == b"<script>alert(1)</script>"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert "\n" not in answer.headers["Content-Disposition"]
        assert as_owner.get(f"{LIST}{other_id}/files/{file.id}").status_code == 404


class TestQueue:
    def test_a_waiting_mail_is_deleted_also_by_a_second_click(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        mail_id = desk.mail(acme, None)

        for _click in range(2):
            assert as_owner.post(f"{LIST}{mail_id}/delete").status_code == 303

        assert desk.stored(acme, MailMessage)[0].state == "deleted"
        assert as_owner.get(f"{LIST}{mail_id}").status_code == 404

    def test_a_failed_mail_is_sent_again_once(self, as_owner: Browser, acme: Tenant) -> None:
        mail_id = desk.mail(acme, None, state="failed", attempts=5)

        for _click in range(2):
            assert as_owner.post(f"{LIST}{mail_id}/send-again").status_code == 303

        (row,) = desk.stored(acme, MailMessage)
        assert (row.state, row.attempts) == ("queued", 0)

    @pytest.mark.parametrize("action", ["delete", "send-again"])
    def test_a_sent_mail_can_neither_be_deleted_nor_sent_again(
        self, as_owner: Browser, acme: Tenant, action: str
    ) -> None:
        mail_id = desk.mail(acme, None, state="sent")

        assert as_owner.post(f"{LIST}{mail_id}/{action}").status_code == 409
        assert desk.stored(acme, MailMessage)[0].state == "sent"

    @pytest.mark.parametrize("action", ["delete", "send-again"])
    def test_a_viewer_can_do_neither(self, as_viewer: Browser, acme: Tenant, action: str) -> None:
        mail_id = desk.mail(acme, None, state="failed")

        assert as_viewer.post(f"{LIST}{mail_id}/{action}").status_code == 403
        assert "Send again" not in as_viewer.get(f"{LIST}{mail_id}").text
