"""Who may call a view: every area lets in its own people only, each in its own scope."""

import pytest
from flask import Blueprint, Flask
from sqlalchemy import select

from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import office_view, panel_view, platform_view
from portal.app import create_app
from tenants.models import Client as ClientRow
from tenants.permissions import Permission, PlatformPermission
from tests.factories.cast import Client, Tenant
from tests.portal.browser import Browser

probe = Blueprint("probe", __name__)


@probe.get("/office/probe")
@office_view(Permission.CLIENTS_READ)
def office_read():
    with unit_of_work() as session:
        names = session.scalars(select(ClientRow.name).order_by(ClientRow.name)).all()
    return {"clients": list(names), "actor": current_scope().actor.label}


@probe.post("/office/probe")
@office_view(Permission.CLIENTS_WRITE)
def office_write():
    return "written"


@probe.get("/platform/probe")
@platform_view(PlatformPermission.TENANTS_READ)
def platform_read():
    return "platform"


@probe.get("/clients/probe")
@panel_view
def panel_read():
    with unit_of_work() as session:
        names = session.scalars(select(ClientRow.name)).all()
    return {"clients": list(names)}


@pytest.fixture(scope="module")
def app(settings) -> Flask:
    return create_app(settings, probe)


def test_staff_see_their_own_reseller_only(
    as_owner: Browser, acme_client: Client, globex_client: Client
) -> None:
    answer = as_owner.get("/office/probe")

    assert answer.json == {"clients": ["Orbit Calls"], "actor": "owner@acme.example"}


def test_a_client_sees_itself_only(
    as_client: Browser, acme: Tenant, acme_client: Client, globex_client: Client
) -> None:
    assert as_client.get("/clients/probe").json == {"clients": ["Orbit Calls"]}
