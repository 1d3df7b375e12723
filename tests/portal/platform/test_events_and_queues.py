"""The events of all tenants with their filters, and the health of the queues."""

import ast
import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from core import jobs
from core.clock import now
from core.platform_uow import platform_unit_of_work
from core.schedule import ScheduledRun
from portal.app import create_app
from tenants.events import SERVICES
from tests.factories.cast import make_client
from tests.portal.browser import HTMX, signed_in
from tests.portal.platform import rows
from worker.send import make_producer, make_sender

EVENTS = "/platform/events/"
QUEUES = "/platform/queues/"
ROOT = Path(__file__).parents[3]


class TestEvents:
    @pytest.fixture
    def written(self, acme, globex):
        rows.add_event(acme.id, "A card was declined", level="warning")
        rows.add_event(globex.id, "The ledger differs", level="error", service="ledger")
        rows.add_event(acme.id, "Long ago", at=now() - timedelta(days=9), service="mail")

    @pytest.mark.parametrize(
        ("query", "shown"),
        [
            ("", {"A card was declined", "The ledger differs", "Long ago"}),
            ("?level=error", {"The ledger differs"}),
            ("?service=mail", {"Long ago"}),
            ("?tenant={acme}", {"A card was declined", "Long ago"}),
            ("?period=week", {"A card was declined", "The ledger differs"}),
            ("?tenant={acme}&period=week", {"A card was declined"}),
            ("?level=nonsense&period=x&tenant=x", {"A card was declined", "Long ago"}),
            ("?tenant=999999", set()),
        ],
    )
    def test_each_filter_leaves_what_it_says(self, as_platform_admin, acme, written, query, shown):
        page = as_platform_admin.get(EVENTS + query.format(acme=acme.id), headers=HTMX).text
        found = {text for text in ("A card was declined", "The ledger differs", "Long ago")
                 if text in page}  # fmt: skip
        assert shown <= found
        assert "nonsense" in query or found == shown
        assert ("No event matches" in page) == (not shown)

    def test_pages_hold_every_event_once_newest_first(self, as_platform_admin, acme, globex):
        for number in range(60):
            rows.add_event((acme if number % 2 else globex).id, f"Event {number:02d}.")
        first = as_platform_admin.get(EVENTS, headers=HTMX).text
        address = re.search(r'id="table-next"[^>]*href="([^"]+)"', first).group(1)
        second = as_platform_admin.get(address.replace("&amp;", "&"), headers=HTMX).text
        seen = re.findall(r">(Event \d+)\.<", first + second)
        assert seen == [f"Event {number:02d}" for number in reversed(range(60))]

    def test_every_service_that_writes_events_can_be_chosen(self):
        named = set()
        for package in ("billing", "payments", "mail", "tenants", "worker", "portal"):
            for path in (ROOT / package).rglob("*.py"):
                named |= {
                    keyword.value.value
                    for node in ast.walk(ast.parse(path.read_text()))
                    if isinstance(node, ast.Call)
                    for keyword in node.keywords
                    if keyword.arg == "service" and isinstance(keyword.value, ast.Constant)
                }
        assert named == set(SERVICES)


class TestQueues:
    @pytest.fixture
    def with_redis(self, settings, redis_server, platform_admin):
        """The admin's browser over a real queue, emptied."""
        redis_server.flush()
        app = create_app(settings.model_copy(update={"redis_url": redis_server.url}))
        return signed_in(app, "platform", platform_admin, None)

    def test_rows_that_are_due_are_counted_with_the_oldest(
        self, as_platform_admin, acme_client, globex_client
    ):
        rows.add_mail(globex_client.reseller_id, "queued", age=timedelta(minutes=2))
        rows.add_mail(acme_client.reseller_id, "queued", age=timedelta(hours=7))
        rows.add_mail(acme_client.reseller_id, "sent", age=timedelta(hours=9))
        rows.add_refill(globex_client, "requested", age=timedelta(minutes=1))
        page = as_platform_admin.get(QUEUES).text
        mail = page[page.index("Mail to send") :]
        assert re.search(r'class="number">2</td>', mail)
        assert "7 hours" in mail[:900]
        assert ">Acme<" in mail[:1200]
        assert "late" in mail[:1500]
        assert page.count("being done") == 1
        assert page.count("nothing waits") == 3

    def test_a_deleted_client_has_no_invoice_due(self, as_platform_admin, acme):
        gone = make_client(acme, "Gone", status="deleted")
        rows.make_invoice_due(gone)
        assert ">late<" not in as_platform_admin.get(QUEUES).text
        assert ">Acme<" not in as_platform_admin.get("/platform/resellers/?show=due_invoices").text

    def test_an_invoice_of_a_suspended_reseller_is_not_due(
        self, as_platform_admin, acme, acme_client
    ):
        rows.make_invoice_due(acme_client)
        assert "late" in as_platform_admin.get(QUEUES).text
        as_platform_admin.post(f"/platform/resellers/{acme.id}/suspend", data={"reason": "Unpaid"})
        assert ">late<" not in as_platform_admin.get(QUEUES).text

    def test_redis_that_is_down_is_told_and_nothing_fails(self, as_platform_admin):
        assert "Redis does not answer" in as_platform_admin.get(QUEUES).text

    def test_messages_are_counted_by_queue(self, with_redis, redis_server):
        send = make_sender(make_producer(redis_server.url))
        for number in range(3):
            send(jobs.Job("mail.deliver", {"mail_id": str(number)}, 1))
        send(jobs.Job("billing.check_ledger", {}, 1, delay_ms=60_000))
        page = with_redis.get(QUEUES).text
        assert "Redis does not answer" not in page

        def line(name):
            at = page.index(f'data-label="Queue" class="cell-title">{name}<')
            return re.findall(r'class="number[^"]*">(\d+)<', page[at : page.index("</tr>", at)])

        assert line("mail") == ["3", "0", "0", "0"]
        assert line("billing") == ["0", "0", "1", "0"]
        assert line("payments") == ["0", "0", "0", "0"]

    def test_sweeps_are_shown_with_what_went_wrong(self, as_platform_admin):
        at = now()
        with platform_unit_of_work() as session:
            session.add(
                ScheduledRun(
                    name="mail.queued",
                    enqueued_at=at,
                    started_at=at,
                    finished_at=at,
                    failures=4,
                    last_error="OperationalError",
                )
            )
        page = as_platform_admin.get(QUEUES).text
        assert "OperationalError" in page
        assert "failed" in page


def test_no_screen_shows_a_secret(as_platform_admin, app: Flask, acme, acme_client):
    rows.add_refill(acme_client, "declined")
    rows.add_mail(acme.id, "failed")
    for path in ("/platform/", "/platform/resellers/", f"/platform/resellers/{acme.id}", QUEUES):
        page = as_platform_admin.get(path).text
        assert rows.SECRET not in page
    page = as_platform_admin.get(f"/platform/resellers/{acme.id}").text
    assert "Main merchant" in page
    assert "550 no such mailbox" in page
