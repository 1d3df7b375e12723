"""What the Sign-ups screen reads."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from core.db import Session
from core.tenancy import current_scope
from portal.keyset import Key, Order, Page, Place, read_page, walk
from tenants.models import Reseller
from tenants.sign_up_models import STATES as STORED
from tenants.sign_up_models import SignUp

STATES = ("any", *STORED)


@dataclass(frozen=True, slots=True)
class SignUpRow:
    """One line of the list."""

    id: UUID
    name: str
    company_name: str
    email: str
    login: str
    country: str
    state: str
    problem: str
    reason: str
    reseller: str
    created_at: datetime
    decided_by: str
    client_id: int | None


def read_sign_ups(session: Session, state: str, search: str, place: Place) -> Page[SignUpRow]:
    """One page, newest first."""
    pick = select(SignUp.created_at.label("created_at"), SignUp.id.label("id"))
    if state != "any":
        pick = pick.where(SignUp.state == state)
    if search:
        typed = search.lower()
        pick = pick.where(
            func.lower(SignUp.name + " " + SignUp.company_name + " " + SignUp.email).contains(
                typed, autoescape=True
            )
        )
    walked = walk(
        pick,
        owner=SignUp.reseller_id,
        order=Order([Key("created_at", datetime), Key("id", UUID)], descending=True),
        place=place,
    )
    query = walked.decorate(
        SignUp.id,
        SignUp.name,
        SignUp.company_name,
        SignUp.email,
        SignUp.login,
        SignUp.country,
        SignUp.state,
        SignUp.problem,
        SignUp.reason,
        Reseller.name.label("reseller"),
        SignUp.created_at,
        SignUp.decided_by,
        SignUp.client_id,
        keep=[
            (SignUp, SignUp.id == walked.picked.c.id, False),
            (Reseller, Reseller.id == SignUp.reseller_id, False),
        ],
    )
    is_one = len(current_scope().reseller_ids) == 1
    names = SignUpRow.__dataclass_fields__

    def make(row) -> SignUpRow:  # type: ignore[no-untyped-def]  # noqa: ANN001 (a row of the query)
        values = {name: getattr(row, name) for name in names}
        return SignUpRow(**{**values, "reseller": "" if is_one else row.reseller})

    return read_page(session, walked, query, make)
