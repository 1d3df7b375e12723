"""Roles and people of a reseller for the tests of Users and Roles."""

from collections.abc import Iterable

from flask import Flask
from sqlalchemy import select

from core.platform_uow import platform_unit_of_work
from core.tenancy import SYSTEM
from tenants import staff
from tenants.models import Role, User
from tenants.permissions import Permission
from tests.factories.cast import PASSWORD, Tenant
from tests.portal.browser import Browser, signed_in

# who manages people and may do little else
DESK = (
    Permission.CLIENTS_READ,
    Permission.USERS_READ,
    Permission.USERS_WRITE,
    Permission.USERS_EXECUTE,
    Permission.ROLES_READ,
    Permission.ROLES_WRITE,
)


def make_role(tenant: Tenant, name: str, permissions: Iterable[Permission]) -> int:
    with platform_unit_of_work() as session:
        role = staff.create_role(
            session, reseller_id=tenant.id, name=name, permissions=permissions, actor=SYSTEM
        )
        return role.id


def role_named(tenant: Tenant, name: str) -> Role:
    with platform_unit_of_work() as session:
        return session.scalars(
            select(Role).where(Role.reseller_id == tenant.id, Role.name == name)
        ).one()


def make_colleague(
    tenant: Tenant, role_id: int, email: str, *, password: str | None = PASSWORD
) -> int:
    with platform_unit_of_work() as session:
        user = staff.create_user(
            session,
            reseller_id=tenant.id,
            role_id=role_id,
            email=email,
            name=email.partition("@")[0].title(),
            password=password,
            actor=SYSTEM,
        )
        return user.id


def read_user(user_id: int) -> User:
    with platform_unit_of_work() as session:
        return session.scalars(select(User).where(User.id == user_id)).one()


def as_desk(app: Flask, tenant: Tenant) -> Browser:
    """Somebody who manages people and sees clients, and may do nothing else."""
    user_id = make_colleague(tenant, make_role(tenant, "Desk", DESK), "desk@acme.example")
    return signed_in(app, "office", user_id, tenant.id)
