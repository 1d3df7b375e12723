"""The list of roles."""

from flask.typing import ResponseReturnValue
from sqlalchemy import and_, func, select

from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.htmx import render
from portal.office.me import current_me
from portal.office.roles.blueprint import bp
from portal.office.roles.rights import make_matrix
from tenants.models import Reseller, Role, User
from tenants.permissions import STANDARD_ROLES, Permission
from tenants.roles import is_within

MOST_ROLES = 500


@bp.get("/")
@office_view(Permission.ROLES_READ)
def index() -> ResponseReturnValue:
    used = (
        select(func.count())
        .select_from(User)
        .where(and_(User.reseller_id == Role.reseller_id, User.role_id == Role.id))
        .correlate(Role)
        .scalar_subquery()
    )
    with unit_of_work() as session:
        rows = session.execute(
            select(Role, Reseller.name.label("reseller"), used.label("users"))
            .join(Reseller, Reseller.id == Role.reseller_id)
            .order_by(func.lower(Reseller.name), func.lower(Role.name), Role.id)
            .limit(MOST_ROLES)
        ).all()
    mine = current_me().permissions
    standard = {name: {one.value for one in allowed} for name, allowed in STANDARD_ROLES}
    return render(
        "office/roles/index.html",
        "office/roles/_table.html",
        rows=rows,
        summaries={row.Role.id: _summary(row.Role) for row in rows},
        mine={row.Role.id for row in rows if is_within(row.Role.permissions, mine)},
        standard={
            row.Role.id for row in rows if standard.get(row.Role.name) == set(row.Role.permissions)
        },
        may_write=current_viewer().may(Permission.ROLES_WRITE),
        is_family=len(current_scope().reseller_ids) > 1,
    )


def _summary(role: Role) -> dict[str, list[str]]:
    """Names of the sections that may be seen, changed, acted in and erased."""
    columns: dict[str, list[str]] = {"read": [], "write": [], "execute": [], "full_delete": []}
    for line in make_matrix(role.permissions, ()):
        for cell, right in zip(line.cells, columns, strict=True):
            if cell.is_on:
                columns[right].append(str(line.name))
    return columns
