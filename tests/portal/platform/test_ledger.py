"""The ledger check on the platform's screen: results, findings explained, run now."""

import re

import pytest
from sqlalchemy import func, select

from billing import ledger_check
from billing.models import LedgerCheck
from core import jobs
from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from portal.platform.ledger.rules import RULES
from tests.portal.browser import HTMX
from tests.portal.platform import rows
from worker.actors.billing import check_ledger

LEDGER = "/platform/ledger/"


@pytest.fixture
def sent(monkeypatch):
    """Jobs that were committed; nobody takes them."""
    found = []
    monkeypatch.setattr(jobs, "_senders", [found.append])
    return found


def work_off(sent, *tenants):
    """What the workers would do with the jobs."""
    scopes = {tenant.id: tenant.scope for tenant in tenants}
    while sent:
        job = sent.pop(0)
        assert job.name == "billing.check_ledger"
        with tenant_scope(scopes[job.reseller_id]):
            check_ledger(**job.args)


def count_checks():
    with platform_unit_of_work() as session:
        return session.scalar(select(func.count()).select_from(LedgerCheck))


def test_every_rule_of_the_check_is_explained():
    assert set(RULES) == set(ledger_check._RULES)


def test_what_differs_comes_first_then_what_was_never_checked(as_platform_admin, acme, globex):
    rows.add_check(acme.id)
    page = as_platform_admin.get(LEDGER).text
    assert page.index(">Globex<") < page.index(">Acme<")
    assert "never checked" in page
    rows.add_check(globex.id)
    rows.add_check(globex.id, ok=False, findings={"paid_differs": ["invoice 7: paid 3"]})
    page = as_platform_admin.get(LEDGER).text
    assert page.index(">Globex<") < page.index(">Acme<")
    assert "paid differs" in page


def test_findings_are_explained(as_platform_admin, acme):
    rows.add_check(
        acme.id,
        ok=False,
        findings={"paid_differs": ["invoice 7: <b>paid</b> 3"], "new_rule": ["x"]},
    )
    page = as_platform_admin.get(f"{LEDGER}{acme.id}").text
    assert "What is paid on an invoice differs" in page
    assert "invoice 7: &lt;b&gt;paid&lt;/b&gt; 3" in page
    assert "A rule of another release" in page


def test_a_run_asks_for_one_job_a_tenant_and_shows_how_far_it_is(
    as_platform_admin, acme, globex, sent
):
    rows.add_check(acme.id)
    answer = as_platform_admin.post(LEDGER + "run")
    assert answer.status_code == 303
    assert sorted(job.reseller_id for job in sent) == sorted([acme.id, globex.id])
    page = as_platform_admin.get(answer.location).text
    assert "0 of 2 are done." in page
    progress = re.search(r'hx-get="(/platform/ledger/progress[^"]+)"', page).group(1)
    progress = progress.replace("&amp;", "&")
    first = sent.pop(0)
    work_off([first], acme, globex)
    assert "1 of 2 are done." in as_platform_admin.get(progress, headers=HTMX).text
    work_off(sent, acme, globex)
    done = as_platform_admin.get(progress, headers=HTMX).text
    assert "every ledger agrees" in done
    assert "hx-trigger" not in done
    assert count_checks() == 3


def test_a_second_click_checks_no_ledger_twice(as_platform_admin, acme, globex, sent):
    as_platform_admin.post(LEDGER + "run")
    as_platform_admin.post(LEDGER + "run")
    work_off(sent, acme, globex)
    assert count_checks() == 2


def test_one_tenant_can_be_checked_alone(as_platform_admin, acme, globex, sent):
    answer = as_platform_admin.post(f"{LEDGER}{acme.id}/run")
    assert [job.reseller_id for job in sent] == [acme.id]
    work_off(sent, acme)
    page = as_platform_admin.get(answer.location).text
    assert "every ledger agrees" in page
    assert "Every figure agreed" in page


def test_a_run_that_nobody_works_on_gives_up_asking(as_platform_admin, acme, sent):
    as_platform_admin.post(LEDGER + "run")
    page = as_platform_admin.get(LEDGER + "progress?run=0&asked=1000000000", headers=HTMX).text
    assert "Not all ledgers are checked yet" in page
    assert "hx-trigger" not in page


@pytest.mark.parametrize(
    "query", ["", "?run=x&asked=1", "?run=-1&asked=1", "?run=99999999999999999999&asked=1"]
)
def test_an_address_that_names_no_run_is_not_found(as_platform_admin, query):
    assert as_platform_admin.get(LEDGER + "progress" + query).status_code == 404


def test_the_progress_alone_is_a_page(as_platform_admin, acme, sent):
    page = as_platform_admin.get(LEDGER + "progress?run=0&asked=1000000000").text
    assert "<html" in page
