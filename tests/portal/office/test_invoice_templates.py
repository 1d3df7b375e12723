"""Invoice templates in the office: a small list and its form."""

import pytest

from billing.invoice_models import InvoiceTemplate
from tests.factories.cast import Tenant
from tests.portal.browser import Browser
from tests.portal.office import desk

SCREEN = "/office/invoice-templates/"


def values(tenant: Tenant, **changes: object) -> dict[str, object]:
    return {
        "reseller_id": str(tenant.id),
        "name": "Letters",
        "locale": "de",
        "paper": "us-letter",
        "note": "Thank you.",
        "parts": ["logo", "taxes"],
        "columns": ["quantity", "net"],
        "grouping": "kind",
        **changes,
    }


def test_a_template_is_made_once_shown_changed_and_deleted(as_owner: Browser, acme: Tenant) -> None:
    for _click in range(2):
        assert as_owner.post(f"{SCREEN}new", data=values(acme)).status_code == 303
    (row,) = desk.stored(acme, InvoiceTemplate, name="Letters")
    page = as_owner.get(SCREEN).text
    for words in ("Standard", "Letters", "German", "US Letter", "Thank you."):
        assert words in page

    changed = values(acme, version="1", note="Other words")
    assert as_owner.post(f"{SCREEN}{row.id}", data=changed).status_code == 303
    stale = as_owner.post(f"{SCREEN}{row.id}", data=values(acme, version="1", note="Mine"))
    assert stale.status_code == 409
    assert "Other words" in stale.text
    assert "Mine</textarea>" in stale.text

    assert as_owner.post(f"{SCREEN}{row.id}/delete").status_code == 303
    assert desk.stored(acme, InvoiceTemplate, name="Letters") == []


def test_the_default_cannot_be_deleted(as_owner: Browser, acme: Tenant) -> None:
    (row,) = desk.stored(acme, InvoiceTemplate)
    assert as_owner.post(f"{SCREEN}{row.id}/delete").status_code == 409
    assert len(desk.stored(acme, InvoiceTemplate)) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "n" * 101), ("name", "standard"), ("locale", "xx"),
        ("paper", "a3"), ("note", "n" * 2001), ("reseller_id", "999"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_and_makes_nothing(
    as_owner: Browser, acme: Tenant, field: str, value: str
) -> None:
    answer = as_owner.post(f"{SCREEN}new", data=values(acme, **{field: value}))
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert len(desk.stored(acme, InvoiceTemplate)) == 1


def test_a_viewer_reads_and_writes_nothing(as_viewer: Browser, acme: Tenant) -> None:
    (row,) = desk.stored(acme, InvoiceTemplate)
    assert "New invoice template" not in as_viewer.get(SCREEN).text
    for path in ("new", f"{row.id}", f"{row.id}/delete"):
        assert as_viewer.post(f"{SCREEN}{path}", data=values(acme)).status_code == 403
