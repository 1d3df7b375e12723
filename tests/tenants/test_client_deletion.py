"""Deleting a client and bringing it back: what stops, what stays, what comes back."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from core.clock import now
from core.db import Session
from core.errors import ConflictError, NotFoundError
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tenants.client_blocks import PanelLogin, get_panel_login, save_panel_login
from tenants.client_deletion import Restored, delete_client, restore_client
from tenants.clients import General, StaleVersionError, get_client, update_client
from tenants.models import AuditRecord, Client
from tests.factories import cast
from tests.factories.cast import Tenant, make_client, make_tenant


@pytest.fixture
def acme(settings, clean_database) -> Tenant:
    return make_tenant("Acme", "acme")


@pytest.fixture
def orbit(acme: Tenant) -> cast.Client:
    return make_client(acme, "Orbit", login="orbit")


@contextmanager
def at(tenant: Tenant) -> Iterator[Session]:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        yield session


def delete(tenant: Tenant, client: cast.Client, **details) -> bool:
    with at(tenant) as session:
        return delete_client(session, client.id, **details).is_new


def restore(tenant: Tenant, client: cast.Client) -> Restored:
    with at(tenant) as session:
        return restore_client(session, client.id)


def panel(tenant: Tenant, client: cast.Client) -> PanelLogin:
    with at(tenant) as session:
        return get_panel_login(session, client.id)


def actions(tenant: Tenant, client: cast.Client) -> list[str]:
    with at(tenant) as session:
        return list(
            session.scalars(
                select(AuditRecord.action)
                .where(AuditRecord.client_id == client.id)
                .order_by(AuditRecord.id)
            )
        )


def test_a_deleted_client_has_no_panel_and_its_login_is_free(acme, orbit):
    assert delete(acme, orbit)
    assert not panel(acme, orbit).enabled
    other = make_client(acme, "Other", login="ORBIT")
    assert panel(acme, other).enabled


def test_deleting_twice_deletes_once(acme, orbit):
    assert delete(acme, orbit)
    assert not delete(acme, orbit)
    assert actions(acme, orbit).count("delete") == 1


def test_a_client_that_was_changed_meanwhile_is_not_deleted_unseen(acme, orbit):
    with at(acme) as session:
        shown = get_client(session, orbit.id).version
        update_client(
            session, orbit.id, version=shown, general=General("Orbit", "USD", "UTC", "active")
        )
    with pytest.raises(StaleVersionError):
        delete(acme, orbit, version=shown)
    assert delete(acme, orbit, version=shown + 1)


@pytest.mark.parametrize("status", ["active", "stop"])
def test_a_restored_client_is_what_it_was_with_its_login(acme, status):
    client = make_client(acme, "Comet", login="comet", status=status)
    delete(acme, client)
    restored = restore(acme, client)
    assert (restored.client.status, restored.login) == (status, "back")
    assert restored.client.deleted_at is None
    assert panel(acme, client).enabled


def test_restoring_twice_restores_once(acme, orbit):
    delete(acme, orbit)
    assert restore(acme, orbit).is_new
    assert not restore(acme, orbit).is_new
    assert actions(acme, orbit)[-2:] == ["delete", "restore"]


def test_a_login_that_another_took_meanwhile_stays_with_the_other(acme, orbit):
    delete(acme, orbit)
    other = make_client(acme, "Other", login="orbit")
    assert restore(acme, orbit).login == "taken"
    assert not panel(acme, orbit).enabled
    assert panel(acme, other).enabled


def test_a_panel_that_was_off_before_stays_off(acme):
    client = make_client(acme, "Silent")
    delete(acme, client)
    assert restore(acme, client).login == "none"


def test_a_panel_that_staff_switched_off_meanwhile_does_not_come_back(acme, orbit):
    delete(acme, orbit)
    with at(acme) as session:
        client = get_client(session, orbit.id)
        save_panel_login(session, client, PanelLogin(enabled=True, login="orbit"))
        save_panel_login(session, client, PanelLogin(enabled=False, login="orbit"))
    assert restore(acme, orbit).login == "none"


def test_deleted_by_its_status_it_comes_back_to_the_status_before(acme, orbit):
    with at(acme) as session:
        client = get_client(session, orbit.id)
        update_client(
            session,
            orbit.id,
            version=client.version,
            general=General("Orbit", "USD", "UTC", "stop"),
        )
        update_client(
            session,
            orbit.id,
            version=client.version,
            general=General("Orbit", "USD", "UTC", "deleted"),
        )
    assert restore(acme, orbit).client.status == "stop"


def test_a_client_of_another_tenant_is_neither_deleted_nor_restored(acme, orbit):
    globex = make_tenant("Globex", "globex")
    for step in (delete_client, restore_client):
        with pytest.raises(NotFoundError), at(globex) as session:
            step(session, orbit.id)


def test_one_that_was_removed_for_good_comes_back_by_no_way(acme, orbit):
    with at(acme) as session:
        session.execute(
            update(Client)
            .where(Client.id == orbit.id)
            .values(status="deleted", erased_at=now(), name="Deleted client")
        )
    for step in (delete_client, restore_client):
        with pytest.raises(ConflictError), at(acme) as session:
            step(session, orbit.id)
    as_before = General("Orbit", "USD", "UTC", "active")
    with at(acme) as session, pytest.raises(ConflictError):
        update_client(session, orbit.id, version=1, general=as_before)
    for change in ({"status": "active"}, {"name": "Orbit"}, {"erased_at": None}):
        with pytest.raises(DBAPIError, match="removed for good"), at(acme) as session:
            session.execute(update(Client).where(Client.id == orbit.id).values(**change))
