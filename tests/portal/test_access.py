"""Who may call a view: every area lets in its own people only, each in its own scope."""

import pytest
from flask import Blueprint, Flask
from sqlalchemy import event, select

from core import engines
from core.errors import InvariantError
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import (
    ACCESS_MARK,
    current_user_timezone,
    office_view,
    panel_view,
    platform_view,
    public_view,
)
from portal.app import create_app
from portal.htmx import render
from tenants.models import Client as ClientRow
from tenants.permissions import Permission, PlatformPermission
from tests.factories.cast import Client, Tenant, make_client, make_platform_user, make_tenant
from tests.portal.browser import HTMX, Browser, signed_in

probe = Blueprint("probe", __name__)


def _names() -> list[str]:
    with unit_of_work() as session:
        return list(session.scalars(select(ClientRow.name).order_by(ClientRow.name)))


@probe.get("/office/probe")
@office_view(Permission.CLIENTS_READ)
def office_read():
    actor = current_scope().actor
    return {"clients": _names(), "actor": [actor.kind, actor.label, actor.ip]}


@probe.post("/office/probe")
@office_view(Permission.CLIENTS_WRITE)
def office_write():
    return {"clients": _names()}


@probe.get("/office/everybody")
@office_view(None)
def office_everybody():
    return {"zone": current_user_timezone().key}


@probe.get("/platform/probe")
@platform_view(PlatformPermission.TENANTS_READ)
def platform_read():
    return "platform"


@probe.post("/platform/probe")
@platform_view(PlatformPermission.TENANTS_WRITE)
def platform_write():
    return "platform"


@probe.get("/clients/probe")
@panel_view
def panel_read():
    actor = current_scope().actor
    return {"clients": _names(), "actor": [actor.kind, actor.label, actor.ip]}


@probe.get("/open/probe")
@public_view(reason="a test")
def open_read():
    return {"clients": _names()}


@probe.get("/office/forgotten")
@office_view(Permission.CLIENTS_READ)
def office_page():
    return render("errors/error.html", layout="office/layout.html", code=200, title="A page",
                  text="", request_id="", sign_in_address="/login")  # fmt: skip


@pytest.fixture(scope="module")
def app(settings) -> Flask:
    return create_app(settings, probe)


def test_staff_see_their_own_reseller_only(
    as_owner: Browser, acme_client: Client, globex_client: Client
) -> None:
    assert as_owner.get("/office/probe").json == {
        "clients": ["Orbit Calls"],
        "actor": ["user", "owner@acme.example", "127.0.0.1"],
    }


def test_staff_see_the_resellers_beneath_theirs_and_not_those_above(
    app: Flask, as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
    make_client(west, "Pacific Voice", login="pacific")
    as_west = signed_in(app, "office", west.owner_id, west.id)

    assert as_owner.get("/office/probe").json["clients"] == ["Orbit Calls", "Pacific Voice"]
    assert as_west.get("/office/probe").json["clients"] == ["Pacific Voice"]


def test_a_client_sees_itself_only(
    as_client: Browser, acme: Tenant, acme_client: Client, globex_client: Client
) -> None:
    make_client(acme, "A neighbour", login="neighbour")

    assert as_client.get("/clients/probe").json == {
        "clients": ["Orbit Calls"],
        "actor": ["client", "orbit", "127.0.0.1"],
    }


def test_a_viewer_may_read_and_is_refused_to_write(as_viewer: Browser, as_owner: Browser) -> None:
    assert as_viewer.get("/office/probe").status_code == 200
    assert as_viewer.post("/office/probe").status_code == 403
    assert as_owner.post("/office/probe").status_code == 200


def test_the_refusal_is_drawn_in_the_persons_own_layout(as_viewer: Browser) -> None:
    page = as_viewer.post("/office/probe").text

    assert "Your role does not include this action." in page
    assert "area-office" in page
    assert "viewer@acme.example" in page


@pytest.mark.parametrize("path", ["/office/probe", "/platform/probe", "/clients/probe"])
def test_strangers_are_sent_to_the_door_of_the_area(anonymous: Browser, path: str) -> None:
    answer = anonymous.get(path)

    assert answer.status_code == 303
    door = "/clients/login" if path.startswith("/clients") else "/login"
    assert answer.location.startswith(f"{door}?next=")


@pytest.mark.parametrize("path", ["/office/probe", "/platform/probe"])
def test_a_write_without_a_session_is_not_done_and_leads_to_the_door(
    anonymous: Browser, path: str
) -> None:
    answer = anonymous.post(path, headers={"Referer": "http://localhost/office/clients?q=x"})

    assert (answer.status_code, answer.location) == (
        303,
        "/login?next=%2Foffice%2Fclients%3Fq%3Dx",
    )


def test_each_kind_of_staff_is_refused_in_the_other_area(
    as_owner: Browser, as_platform_admin: Browser
) -> None:
    assert as_owner.get("/platform/probe").status_code == 403
    assert as_platform_admin.get("/office/probe").status_code == 403
    assert as_platform_admin.get("/office/everybody").status_code == 403
    assert as_platform_admin.get("/platform/probe").text == "platform"


def test_a_platform_viewer_may_not_write(app: Flask, clean_database: None) -> None:
    viewer = signed_in(app, "platform", make_platform_user("v@platform.example", "viewer"), None)

    assert viewer.get("/platform/probe").status_code == 200
    assert viewer.post("/platform/probe").status_code == 403


def test_a_public_view_has_no_scope_even_for_somebody_signed_in(
    as_owner: Browser, app: Flask
) -> None:
    assert as_owner.get("/open/probe").status_code == 500


def test_a_public_view_says_why() -> None:
    with pytest.raises(InvariantError):
        public_view(reason="")


def test_every_view_of_the_product_is_marked(settings) -> None:
    views = create_app(settings).view_functions

    unmarked = [
        name for name, view in views.items() if name != "static" and not hasattr(view, ACCESS_MARK)
    ]
    assert unmarked == []


def test_a_request_costs_one_query_to_know_who_it_is(
    as_owner: Browser, as_client: Browser, settings
) -> None:
    seen: list[str] = []

    def count(_conn, _cursor, statement, *_rest) -> None:
        if "sessions" in statement:
            seen.append(statement)

    engine = engines.make_engine(settings.database_url_platform)
    event.listen(engine, "before_cursor_execute", count)
    try:
        as_owner.get("/office/probe")
        as_client.get("/clients/probe")
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert len(seen) == 2


def test_an_unknown_address_is_told_in_the_persons_own_layout(
    as_owner: Browser, anonymous: Browser
) -> None:
    known, unknown = as_owner.get("/office/nothing"), anonymous.get("/office/nothing")

    assert (known.status_code, unknown.status_code) == (404, 404)
    assert "owner@acme.example" in known.text
    assert "area-public" in unknown.text


def test_the_layout_names_the_person_and_offers_the_way_out(as_owner: Browser) -> None:
    page = as_owner.get("/office/forgotten").text

    assert "Owner of acme.example" in page
    assert 'action="/logout"' in page
    assert 'href="/account"' in page


def test_a_fragment_refused_by_role_leaves_the_page_and_says_why(as_viewer: Browser) -> None:
    answer = as_viewer.post("/office/probe", headers=HTMX)

    assert answer.status_code == 403
    assert answer.headers["HX-Reswap"] == "none"
    assert "Your role does not include this action." in answer.headers["HX-Trigger"]


def test_the_zone_of_the_person_is_known(as_owner: Browser) -> None:
    assert as_owner.get("/office/everybody").json == {"zone": "UTC"}
