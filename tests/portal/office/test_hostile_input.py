"""What no column can hold is refused in words: it is no failure of ours and no row is made."""

import base64
import json

import pytest
from sqlalchemy import select

from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tenants.models import Client
from tests.factories.cast import Tenant
from tests.portal.browser import Browser

BEYOND = 2**63


def cursor(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "path",
    ["/office/clients/", "/office/transactions/", "/office/invoices/", "/office/refills/"],
)
def test_a_nul_in_a_search_is_refused(as_owner: Browser, path: str) -> None:
    assert as_owner.get(path, query_string={"q": "a\0b"}).status_code == 422


def test_a_nul_in_a_name_makes_no_client(as_owner: Browser, acme: Tenant) -> None:
    answer = as_owner.post(
        "/office/clients/new",
        data={
            "request_id": str(new_id()),
            "general-name": "a\0b",
            "general-currency": "USD",
            "general-timezone": "UTC",
            "general-reseller_id": acme.id,
        },
    )
    assert answer.status_code == 422
    with tenant_scope(acme.scope), unit_of_work() as session:
        assert session.scalars(select(Client.id)).all() == []


@pytest.mark.parametrize("path", ["/office/clients/{}", "/office/gateways/{}"])
def test_an_id_beyond_every_row_is_not_found(as_owner: Browser, path: str) -> None:
    assert as_owner.get(path.format(BEYOND)).status_code == 404
    assert as_owner.get(path.format(BEYOND - 1)).status_code == 404


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/office/clients/", ("x", BEYOND)),
        ("/office/events/", (BEYOND,)),
        ("/office/transactions/", ("2026-01-01T00:00:00+00:00", 5)),
        ("/office/refills/", ("2026-01-01T00:00:00+00:00", 5)),
    ],
)
def test_an_invented_place_begins_the_list_at_its_head(
    as_owner: Browser, path: str, values: tuple[object, ...]
) -> None:
    assert as_owner.get(path, query_string={"after": cursor(*values)}).status_code == 200
