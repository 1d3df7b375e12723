"""The overview counts over all tenants, and each figure leads to those it counts."""

import re
from datetime import timedelta

import pytest

from core.clock import now
from core.platform_uow import platform_unit_of_work
from core.schedule import ScheduledRun
from portal.platform import sweep_states
from tests.portal.platform import rows

HOME = "/platform/"


def signals(page: str) -> dict[str, tuple[str, str, str]]:
    """Label to value, tone and address."""
    found = re.findall(
        r'<li class="signal tone-(\w+)">\s*<a class="signal-link" href="([^"]+)">'
        r'<span class="signal-label">([^<]+)</span><span class="signal-value">([^<]*)</span>',
        page,
    )
    return {label: (value, tone, href.replace("&amp;", "&")) for tone, href, label, value in found}


def test_with_no_tenant_it_offers_to_make_one(as_platform_admin):
    page = as_platform_admin.get(HOME).text
    assert "There is no reseller yet." in page
    assert signals(page)["Resellers"][0] == "0"


def test_it_counts_what_went_wrong_over_all_tenants(as_platform_admin, acme_client, globex_client):
    rows.add_refill(acme_client, "declined")
    rows.add_refill(acme_client, "declined", age=timedelta(days=8))
    rows.add_refill(globex_client, "failed")
    rows.add_refill(globex_client, "unknown")
    rows.add_refill(globex_client, "held")
    rows.add_mail(acme_client.reseller_id, "failed")
    rows.add_mail(acme_client.reseller_id, "queued", age=timedelta(hours=3))
    rows.make_invoice_due(acme_client)
    rows.add_check(acme_client.reseller_id)
    rows.add_check(globex_client.reseller_id)
    rows.add_check(globex_client.reseller_id, ok=False, findings={"paid_differs": ["x"]})
    page = as_platform_admin.get(HOME).text
    found = signals(page)
    assert {label: value for label, (value, _tone, _href) in found.items()} == {
        "Failed payments": "2",
        "Outcome unknown": "1",
        "Held for review": "1",
        "Refills under way": "2",
        "Invoices due": "1",
        "Failed mail": "1",
        "Mail waiting": "1",
        "Resellers": "2",
        "Ledgers that differ": "1",
        "Oldest waiting row": "3 hours",
        "Recurring work": "0",
    }
    assert found["Outcome unknown"][1] == "bad"
    assert "mail, Acme" in page


@pytest.mark.parametrize(
    ("label", "prepare"),
    [
        ("Failed payments", lambda client: rows.add_refill(client, "declined")),
        ("Outcome unknown", lambda client: rows.add_refill(client, "unknown")),
        ("Held for review", lambda client: rows.add_refill(client, "held")),
        ("Refills under way", lambda client: rows.add_refill(client, "processing")),
        ("Invoices due", rows.make_invoice_due),
        ("Failed mail", lambda client: rows.add_mail(client.reseller_id, "failed")),
        ("Mail waiting", lambda client: rows.add_mail(client.reseller_id, "queued")),
        (
            "Ledgers that differ",
            lambda client: rows.add_check(client.reseller_id, ok=False, findings={"x": ["y"]}),
        ),
    ],
)
def test_each_figure_leads_to_the_resellers_behind_it(
    as_platform_admin, acme, globex, globex_client, label, prepare
):
    rows.add_check(acme.id)
    rows.add_check(globex.id)
    prepare(globex_client)
    value, _tone, address = signals(as_platform_admin.get(HOME).text)[label]
    assert value == "1"
    page = as_platform_admin.get(address).text
    assert ">Globex<" in page
    assert ">Acme<" not in page


def test_a_quiet_installation_is_all_well(as_platform_admin, acme):
    rows.add_check(acme.id)
    with platform_unit_of_work() as session:
        at = now()
        session.add(ScheduledRun(name="mail.queued", enqueued_at=at, started_at=at, finished_at=at))
    found = signals(as_platform_admin.get(HOME).text)
    assert {tone for _value, tone, _href in found.values()} == {"ok", "info"}


def test_a_ledger_counts_as_unchecked_after_two_days(as_platform_admin, acme, globex):
    rows.add_check(acme.id, age=timedelta(days=3))
    page = as_platform_admin.get(HOME).text
    assert "1 not checked for two days" in page
    assert signals(page)["Ledgers that differ"][1] == "warn"
    listed = as_platform_admin.get("/platform/resellers/?show=ledger").text
    assert ">Acme<" in listed
    assert ">Globex<" not in listed, "made just now: its turn comes"


class TestSweepStates:
    AT = now()

    def run(self, enqueued_s=None, started_s=None, finished_s=None, **more):
        def ago(seconds):
            return None if seconds is None else self.AT - timedelta(seconds=seconds)

        return ScheduledRun(
            name="x",
            enqueued_at=ago(enqueued_s),
            started_at=ago(started_s),
            finished_at=ago(finished_s),
            failures=more.get("failures", 0),
        )

    @pytest.mark.parametrize(
        ("run", "state"),
        [
            ({}, "never"),
            ({"enqueued_s": 10, "started_s": 9, "finished_s": 8}, "ok"),
            ({"enqueued_s": 10, "started_s": 9, "finished_s": 8, "failures": 2}, "failed"),
            ({"enqueued_s": 10, "started_s": 9, "finished_s": 70}, "running"),
            ({"enqueued_s": 1000, "started_s": 990}, "lost"),
            ({"enqueued_s": 300, "started_s": 400, "finished_s": 390}, "not_taken"),
            ({"enqueued_s": 300}, "not_taken"),
            ({"enqueued_s": 5, "started_s": 70, "finished_s": 69}, "ok"),
        ],
    )
    def test_a_state_follows_from_the_row(self, run, state):
        assert sweep_states.state_of(self.run(**run), self.AT) == state

    def test_the_clock_stands_when_nothing_was_asked_for(self):
        assert sweep_states.clock_stands([], self.AT)
        assert sweep_states.clock_stands([self.run(400, 390, 380)], self.AT)
        assert not sweep_states.clock_stands([self.run(400, 390), self.run(20)], self.AT)
