"""Packages and subscriptions in the office, and what the client sees of them."""

import re

from sqlalchemy import select

from billing.package_models import Package, Subscription
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tests.factories.cast import Client, Tenant
from tests.portal.browser import HTMX, Browser
from tests.portal.office import desk

LIST = "/office/packages/"
FORM = {
    "name": "Flat", "status": "active", "currency": "USD", "activation_fee": "5",
    "periodic_fee": "31", "period_count": "1", "period_unit": "month", "alignment": "start",
    "prorate_start": "y", "tax_mode": "none", "priority": "10", "units-0-destination": "",
    "units-0-quantity": "600", "units-0-unit": "second", "units-1-destination": "",
    "units-1-quantity": "", "units-1-unit": "second",
}  # fmt: skip


def stored(tenant: Tenant, model) -> list:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        return list(session.scalars(select(model)))


def make(browser: Browser, tenant: Tenant, **details) -> Package:
    answer = browser.post(f"{LIST}new", data={**FORM, "reseller_id": str(tenant.id), **details})
    assert answer.status_code == 303, answer.text
    name = details.get("name", "Flat")
    return next(one for one in stored(tenant, Package) if one.name == name)


def subscribe(browser: Browser, client: Client, package: Package, **details):
    return browser.post(
        f"{LIST}subscribe/{client.id}",
        data={
            "subscription_id": str(new_id()),
            "package_id": str(package.id),
            "quantity": "1",
            "starts_on": "",
            **details,
        },
    )


def test_a_package_is_made_once_changed_and_not_over_another_change(
    as_owner: Browser, acme: Tenant
) -> None:
    package = make(as_owner, acme)
    make(as_owner, acme)
    assert len(stored(acme, Package)) == 1
    assert "600" in as_owner.get(LIST).text
    wrong = as_owner.post(f"{LIST}{package.id}", data={**FORM, "version": "1", "period_count": "0"})
    assert wrong.status_code == 422
    assert "Enter a number from" in wrong.text
    saved = as_owner.post(
        f"{LIST}{package.id}", data={**FORM, "version": "1", "periodic_fee": "12,5"}
    )
    assert saved.status_code == 303
    late = as_owner.post(f"{LIST}{package.id}", data={**FORM, "version": "1", "periodic_fee": "13"})
    assert late.status_code == 409
    assert 'value="13"' in late.text
    assert as_owner.post(f"{LIST}{package.id}/delete").status_code == 303
    assert stored(acme, Package) == []


def test_a_client_is_subscribed_once_looked_at_changed_and_ended(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    desk.pay(acme, acme_client, "200")
    package = make(as_owner, acme)
    larger = make(as_owner, acme, name="Larger", periodic_fee="62")
    form_id = str(new_id())
    for _again in range(2):
        answer = subscribe(as_owner, acme_client, package, subscription_id=form_id)
        assert answer.status_code == 303
    (one,) = stored(acme, Subscription)
    tab = as_owner.get(f"/office/clients/{acme_client.id}/packages").text
    assert "Flat" in tab
    assert "ri-packages is-set" in as_owner.get("/office/clients/").text
    page = as_owner.get(f"{LIST}subscriptions/{one.id}").text
    assert "whole fee" in page
    preview = as_owner.get(
        f"{LIST}subscriptions/{one.id}/change?package_id={larger.id}&quantity=1", headers=HTMX
    ).text
    assert "To be paid:" in preview
    made_id = re.search(r'name="subscription_id" value="([^"]+)"', preview)
    assert made_id is not None
    change = {
        "subscription_id": made_id[1],
        "package_id": str(larger.id),
        "quantity": "1",
        "version": str(one.version),
    }
    address = f"{LIST}subscriptions/{one.id}/change"
    assert as_owner.post(address, data=change).status_code == 303
    stale = as_owner.post(address, data={**change, "subscription_id": str(new_id())})
    assert stale.status_code == 409
    new = next(row for row in stored(acme, Subscription) if row.package_id == larger.id)
    assert new.status == "active"
    ended = as_owner.post(
        f"{LIST}subscriptions/{new.id}/end", data={"how": "cancel", "version": str(new.version)}
    )
    assert ended.status_code == 303
    assert {row.status for row in stored(acme, Subscription)} == {"archived"}
    assert "ri-packages is-set" not in as_owner.get("/office/clients/").text


def test_a_change_that_available_does_not_cover_says_so_in_place(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    desk.pay(acme, acme_client, "36")
    package = make(as_owner, acme)
    larger = make(as_owner, acme, name="Larger", periodic_fee="620")
    subscribe(as_owner, acme_client, package)
    (one,) = stored(acme, Subscription)
    assert one.status == "active"
    answer = as_owner.post(
        f"{LIST}subscriptions/{one.id}/change",
        data={
            "subscription_id": str(new_id()),
            "package_id": str(larger.id),
            "quantity": "1",
            "version": str(one.version),
        },
    )
    assert answer.status_code == 409
    assert "Available does not cover the difference." in answer.text
    assert [row.status for row in stored(acme, Subscription)] == ["active"]


def test_a_viewer_sees_packages_without_buttons_that_write(
    as_owner: Browser, as_viewer: Browser, acme: Tenant, acme_client: Client
) -> None:
    make(as_owner, acme)
    assert "New package" not in as_viewer.get(LIST).text
    tab = as_viewer.get(f"/office/clients/{acme_client.id}/packages")
    assert tab.status_code == 200
    assert "/office/packages/subscribe/" not in tab.text
