"""Roles: nobody gives away more than they have, whatever is sent by hand."""

import pytest
from flask import Flask
from sqlalchemy import select

from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from portal.office.roles.rights import make_matrix
from tenants import roles
from tenants.models import AuditRecord, Role
from tenants.permissions import ALL_PERMISSIONS, Permission
from tests.factories.cast import Tenant, make_tenant
from tests.portal.browser import Browser, signed_in
from tests.portal.office.people import as_desk, make_colleague, make_role, role_named

READ = ["clients:read"]


def save(
    browser: Browser, tenant: Tenant, permissions: list[str], role_id: int | None = None, **more
):
    path = "/office/roles/new" if role_id is None else f"/office/roles/{role_id}"
    data = {"reseller_id": tenant.id, "name": "Helpers", "version": 1, **more}
    return browser.post(path, data={**data, "permissions": permissions})


def names() -> set[str]:
    with platform_unit_of_work() as session:
        return set(session.scalars(select(Role.name)))


def test_every_right_has_its_box() -> None:
    boxes = {cell.value for line in make_matrix((), ()) for cell in line.cells if cell.value}

    assert boxes == {one.value for one in ALL_PERMISSIONS}


def test_a_role_is_made_with_what_was_ticked(as_owner: Browser, acme: Tenant) -> None:
    answer = save(as_owner, acme, ["clients:read", "invoices:execute"])

    assert answer.status_code == 303
    # who may act in a section can also see it
    assert role_named(acme, "Helpers").permissions == [
        "clients:read",
        "invoices:execute",
        "invoices:read",
    ]
    assert "Helpers" in as_owner.get("/office/roles/").text


def test_sent_twice_it_is_one_role(as_owner: Browser, acme: Tenant) -> None:
    save(as_owner, acme, READ)
    assert save(as_owner, acme, READ).status_code == 303
    assert save(as_owner, acme, ["tags:read"]).status_code == 422


def test_nobody_gives_a_right_that_they_do_not_have(app: Flask, acme: Tenant) -> None:
    desk = as_desk(app, acme)

    page = desk.get("/office/roles/new").text
    assert 'value="invoices:write"' in page
    assert (
        'value="invoices:write" aria-label="Invoices: Change" title="Invoices: Change" disabled'
        in page
    )

    assert save(desk, acme, ["clients:read", "clients:full_delete"]).status_code == 403
    assert "Helpers" not in names()
    weak = make_role(acme, "Weak", [Permission.CLIENTS_READ])
    assert save(desk, acme, ["clients:read", "audit:read"], weak).status_code == 403
    assert role_named(acme, "Weak").permissions == READ


def test_nobody_changes_copies_whole_or_deletes_a_stronger_role(app: Flask, acme: Tenant) -> None:
    desk = as_desk(app, acme)
    owner = role_named(acme, "Owner")

    assert save(desk, acme, READ, owner.id).status_code == 403
    assert desk.post(f"/office/roles/{owner.id}/delete").status_code == 403
    assert "allows more than your own" in desk.get(f"/office/roles/{owner.id}").text
    copied = desk.get(f"/office/roles/{owner.id}/copy").text
    assert copied.count(" checked") == 6  # what the desk has itself
    assert set(role_named(acme, "Owner").permissions) == {one.value for one in ALL_PERMISSIONS}


def test_the_rule_stands_in_the_domain_and_not_only_in_the_view(acme: Tenant) -> None:
    mine = frozenset({"clients:read"})
    with (
        tenant_scope(acme.scope),
        unit_of_work() as session,
        pytest.raises(roles.NotAllowedError),
    ):
        roles.create_role(
            session, reseller_id=acme.id, name="X", permissions=["users:write"], mine=mine
        )


def test_nobody_changes_the_rights_of_their_own_role(app: Flask, acme: Tenant) -> None:
    desk = as_desk(app, acme)
    role = role_named(acme, "Desk")

    answer = save(desk, acme, READ, role.id, name="Front desk")

    assert answer.status_code == 303
    assert role_named(acme, "Front desk").permissions == role.permissions


def test_the_last_role_that_manages_people_keeps_its_rights(
    app: Flask, as_owner: Browser, acme: Tenant
) -> None:
    west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
    mine = signed_in(app, "office", acme.owner_id, acme.id)
    role = role_named(west, "Owner")

    answer = save(mine, west, READ, role.id, name="Owner")

    assert answer.status_code == 409
    assert "Nobody else could then manage" in answer.text
    assert role_named(west, "Owner").permissions == role.permissions


def test_a_role_in_use_is_not_deleted_and_another_is(as_owner: Browser, acme: Tenant) -> None:
    viewer = role_named(acme, "Viewer").id
    spare = make_role(acme, "Spare", [Permission.TAGS_READ])

    assert as_owner.post(f"/office/roles/{viewer}/delete").status_code == 409
    assert as_owner.post(f"/office/roles/{spare}/delete").status_code == 303
    assert names() == {"Owner", "Viewer"}


def test_two_who_edit_one_role_do_not_overwrite_each_other(as_owner: Browser, acme: Tenant) -> None:
    role = make_role(acme, "Spare", [Permission.TAGS_READ])
    save(as_owner, acme, READ, role, name="First")

    answer = save(as_owner, acme, ["tags:read"], role, name="Second")

    assert answer.status_code == 409
    assert "Somebody changed this role" in answer.text
    assert "First" in names()


@pytest.mark.parametrize(
    ("more", "status", "message"),
    [
        ({"name": ""}, 422, "Enter a name."),
        ({"name": "x" * 201}, 422, "This is too long."),
        ({"name": "Viewer"}, 422, "Another role has this name."),
        ({"reseller_id": 999999999}, 422, "attention:"),
    ],
)
def test_what_is_wrong_is_said(
    as_owner: Browser, acme: Tenant, more: dict[str, object], status: int, message: str
) -> None:
    answer = save(as_owner, acme, READ, **more)

    assert (answer.status_code, message in answer.text) == (status, True)
    assert (
        'value="clients:read" aria-label="Clients: See" title="Clients: See" checked' in answer.text
    )


def test_an_unknown_right_is_refused(as_owner: Browser, acme: Tenant) -> None:
    assert save(as_owner, acme, ["clients:read", "everything:write"]).status_code == 422


def test_a_role_of_another_reseller_does_not_exist(
    as_owner: Browser, acme: Tenant, globex: Tenant
) -> None:
    foreign = role_named(globex, "Viewer").id

    assert as_owner.get(f"/office/roles/{foreign}").status_code == 404
    assert save(as_owner, acme, READ, foreign).status_code == 404
    assert as_owner.post(f"/office/roles/{foreign}/delete").status_code == 404


def test_changes_are_audited_with_before_and_after(as_owner: Browser, acme: Tenant) -> None:
    role = make_role(acme, "Spare", [Permission.TAGS_READ])
    make_colleague(acme, role, "x@acme.example")
    save(as_owner, acme, READ, role, name="Spare")

    with platform_unit_of_work() as session:
        record = session.scalars(select(AuditRecord).order_by(AuditRecord.id.desc()).limit(1)).one()
    assert record.changes == {"permissions": [["tags:read"], ["clients:read"]]}
    assert record.actor_label == acme.owner_email


def test_a_new_role_can_begin_as_a_standard_one(as_owner: Browser) -> None:
    page = as_owner.get("/office/roles/new?standard=viewer&name=Night+shift").text
    assert 'value="Night shift"' in page, "a name that was typed stays"
    page = as_owner.get("/office/roles/new?standard=viewer").text

    assert page.count(" checked") == sum(one.endswith(":read") for one in ALL_PERMISSIONS)
