"""Reports and the import of payments, as somebody at a desk uses them."""

import io
import re

from billing.models import Transaction
from core.ids import new_id
from portal.office.reports import views
from tenants.models import AuditRecord
from tests.factories.cast import make_client
from tests.portal.browser import HTMX
from tests.portal.office import desk

REPORTS = "/office/reports"


def test_a_figure_of_the_balance_report_opens_into_its_entries(as_owner, acme, acme_client):
    desk.pay(acme, acme_client, "120.50")
    page = as_owner.get(f"{REPORTS}/balance?group=client&client={acme_client.id}").text
    assert "120.50" in page
    (link,) = re.findall(r'href="([^"]+balance/entries[^"]+row=[^"]+kind=payment[^"]*)"', page)
    entries = as_owner.get(link.replace("&amp;", "&")).text
    assert "120.50" in entries
    assert acme_client.name in entries
    # the menu marks the one entry of three that is open
    assert page.count('aria-current="page"') == 1


def test_what_the_address_says_wrongly_is_said_and_left_out(as_owner, acme, acme_client):
    for wrong in ("period=custom&from=soon&to=never", "group=day&period=custom&from=2020-01-01"):
        assert as_owner.get(f"{REPORTS}/balance?{wrong}").status_code == 200
    page = as_owner.get(f"{REPORTS}/balance?period=custom&from=2026-03-02&to=2026-03-01").text
    assert "The first day is after the last one." in page
    assert as_owner.get(f"{REPORTS}/aging?on=2026-99-99").status_code == 200
    assert as_owner.get(f"{REPORTS}/balance/entries?row=9999-99-99").status_code == 404


def test_a_file_is_harmless_and_the_audit_log_says_who_took_it(as_owner, as_viewer, acme):
    evil = make_client(acme, '=HYPERLINK("http://evil.example","x")', login="evil")
    desk.pay(acme, evil, "5")
    data = {"task_id": str(new_id()), "format": "csv"}
    answer = as_owner.post(f"{REPORTS}/balance/file?group=client", data=data)
    assert answer.status_code == 200
    assert "'=HYPERLINK" in answer.text
    assert any(one.object_type == "report" for one in desk.stored(acme, AuditRecord))
    assert as_owner.post(f"{REPORTS}/other/file", data=data).status_code == 404
    assert as_viewer.post(f"{REPORTS}/balance/file", data=data).status_code == 403


def test_a_report_is_saved_by_its_form_and_a_mistake_keeps_what_was_typed(as_owner, acme):
    data = {
        "report_id": str(new_id()), "name": "Month end", "format": "csv", "every": "month",
        "weekday": "0", "day_of_month": "1", "hour": "6", "recipients": "nobody",
    }  # fmt: skip
    address = f"{REPORTS}/balance/save?period=last_month"
    wrong = as_owner.post(address, data=data, headers=HTMX)
    assert wrong.status_code == 422
    assert "Month end" in wrong.text
    data["recipients"] = "boss@acme.example"
    for _click in range(2):
        assert as_owner.post(address, data=data).status_code == 303
    page = as_owner.get(f"{REPORTS}/saved/").text
    assert page.count("boss@acme.example</td>") == 1


def test_a_statement_is_brought_and_its_columns_are_known_the_next_time(
    as_owner, acme, acme_client
):
    content = b"Buchungstag;Betrag;Verwendungszweck\n2026-03-01;12,50;Danke\n"
    for _file in range(2):
        task_id = str(new_id())
        fields = {"task_id": task_id, "file": (io.BytesIO(content), "bank.csv")}
        sent = as_owner.post(
            "/office/payment-imports/", data=fields, content_type="multipart/form-data"
        )
        assert sent.status_code == 303
    page = as_owner.get(f"/office/payment-imports/{task_id}").text
    assert page.count("selected>Day") == page.count("selected>Amount") == 1
    assert as_owner.post(f"/office/payment-imports/{task_id}/write").status_code == 409
    assert desk.stored(acme, Transaction) == []


def test_the_revenue_dashboard_is_saved_as_a_file(as_owner, as_viewer, acme, acme_client):
    desk.charge(acme, acme_client, "40.004", tax_mode="none")
    page = as_owner.get("/office/reports/revenue?period=year&group=month").text
    assert "/office/reports/revenue/csv?period=year&amp;group=month" in page
    text = as_owner.post("/office/reports/revenue/csv?period=year&group=month").text
    assert "40.004" in text
    assert acme_client.name in text
    assert as_owner.post("/office/reports/revenue/xlsx").data.startswith(b"PK")
    assert as_owner.post("/office/reports/revenue/pdf").status_code == 404
    assert as_viewer.post("/office/reports/revenue/csv").status_code == 403


def test_a_report_of_many_rows_goes_on_on_the_next_page(as_owner, acme, monkeypatch):
    monkeypatch.setattr(views, "SHOWN", 1)
    for name in ("First", "Second"):
        client = make_client(acme, name)
        desk.charge(acme, client, "5", tax_mode="none")
    first = as_owner.get("/office/reports/balance?group=client&book=live&period=year").text
    assert "Rows 1 to 1 of 2" in first
    assert "after=1" in first
    second = as_owner.get("/office/reports/balance?group=client&book=live&period=year&after=1").text
    assert "Rows 2 to 2 of 2" in second
    assert "Previous rows" in second
