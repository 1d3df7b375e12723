"""The Payment Accounts screen: list, form, and when an account can be deleted."""

import pytest

from billing.models import PaymentAccount
from tests.factories.cast import Tenant
from tests.portal.browser import Browser
from tests.portal.office import desk

HOME = "/office/payment-accounts/"
BANK = {"name": "Bank", "currency": "EUR", "details": "IBAN DE00", "is_active": "y"}


def bank(tenant: Tenant) -> PaymentAccount:
    (found,) = desk.stored(tenant, PaymentAccount, is_general=False)
    assert isinstance(found, PaymentAccount)
    return found


def test_an_account_is_made_once_changed_over_what_was_shown_and_deleted(
    as_owner: Browser, acme: Tenant
) -> None:
    for _click in range(2):
        assert as_owner.post(HOME + "new", data=BANK).status_code == 303
    made = bank(acme)
    assert (made.currency, made.details, made.is_active) == ("EUR", "IBAN DE00", True)
    assert "IBAN DE00" in as_owner.get(HOME).text

    address = f"{HOME}{made.id}"
    change = {**BANK, "currency": "", "stamp": desk.hidden(as_owner.get(address), "stamp")}
    assert as_owner.post(address, data=change).status_code == 303
    assert as_owner.post(address, data={**change, "name": "Other"}).status_code == 409
    assert bank(acme).currency is None
    assert as_owner.post(address + "/delete").status_code == 303
    assert desk.stored(acme, PaymentAccount, is_general=False) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "Enter a name."),
        ({"name": "general"}, "Another payment account has this name."),
        ({"details": "x" * 1001}, "Use at most 1,000 characters."),
        ({"currency": "BTC"}, "Not a valid choice."),
    ],
)
def test_a_mistake_is_told(
    as_owner: Browser, acme: Tenant, changes: dict[str, str], message: str
) -> None:
    answer = as_owner.post(HOME + "new", data={**BANK, **changes})
    assert (answer.status_code, message in answer.text) == (422, True)
    assert desk.stored(acme, PaymentAccount, is_general=False) == []


def test_general_is_shown_and_left_alone(
    as_owner: Browser, as_viewer: Browser, acme: Tenant
) -> None:
    (general,) = desk.stored(acme, PaymentAccount, is_general=True)
    assert as_viewer.get(HOME).status_code == 200
    assert as_viewer.post(HOME + "new", data=BANK).status_code == 403
    address = f"{HOME}{general.id}"
    assert f'href="{address}"' not in as_owner.get(HOME).text
    assert as_owner.get(address).status_code == 409
    assert as_owner.post(address, data=BANK).status_code == 409
    assert as_owner.post(address + "/delete").status_code == 409
