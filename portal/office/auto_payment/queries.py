"""What the Auto payment screen reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, or_, select

from core.clock import now
from core.db import Session
from core.errors import NotFoundError
from core.tenancy import current_scope
from core.zones import get_zone
from payments import auto_payment, auto_steps, dunning_rules
from payments.dunning_models import AutoPaymentStep
from payments.dunning_rules import Rules
from payments.models import ClientAutoPayment, Refill, SavedCard
from payments.refills import OPEN_STATES
from portal.keyset import Key, Order, Page, Place, read_page, walk
from portal.office.auto_words import Told, describe_due, describe_figures
from portal.office.client_choice import ChosenClient, get_chosen, matching_ids
from tenants.models import Client, Reseller

STATES = ("on", "suspended", "waiting", "under_way", "no_card", "off", "any")
# each row asks the rule itself, so a page is short
SIZE = 25


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for."""

    search: str = ""
    state: str = "on"

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.state != "on")


@dataclass(frozen=True, slots=True)
class LastCharge:
    """The newest automatic charge; amounts in `currency`."""

    id: UUID
    state: str
    amount: Decimal
    credited: Decimal
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """A client with auto payment, what the rule says of it now, and its newest charge."""

    client_id: int
    client_name: str
    reseller: str
    next_try_at: datetime | None
    is_suspended: bool
    told: Told
    last: LastCharge | None


@dataclass(frozen=True, slots=True)
class Figures:
    """How many clients have it on, and how many of them do not go on by themselves."""

    on: int
    suspended: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the history, with its figures in words."""

    row: AutoPaymentStep
    figures: Sequence[tuple[str, Decimal | str]]


@dataclass(frozen=True, slots=True)
class Planned:
    """What comes after one more decline: another try at `at`, or a suspension."""

    number: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Desk:
    """All about the auto payment of one client; `row` None: it was never set up."""

    client: ChosenClient
    row: ClientAutoPayment | None
    told: Told
    figures: Sequence[tuple[str, Decimal | str]]
    cards: Sequence[SavedCard]
    rules: Rules
    planned: Sequence[Planned]
    steps: Sequence[Step]
    last: LastCharge | None


def read_figures(session: Session) -> Figures:
    """Counted over the scope."""
    row = session.execute(
        select(
            func.count(),
            func.count().filter(ClientAutoPayment.suspended_at.is_not(None)),
            func.count().filter(ClientAutoPayment.next_try_at > now()),
        )
        .join(Client, Client.id == ClientAutoPayment.client_id)
        .where(ClientAutoPayment.enabled, Client.status != "deleted")
    ).one()
    return Figures(*row)


def read_rows(session: Session, filters: Filters, place: Place) -> Page[Row]:
    """One page, the newest clients first."""
    pick = select(ClientAutoPayment.client_id.label("client_id")).where(*_conditions(filters))
    walked = walk(
        pick,
        owner=ClientAutoPayment.reseller_id,
        order=Order([Key("client_id", int)], descending=True),
        place=place,
        size=SIZE,
    )
    query = walked.decorate(
        ClientAutoPayment.client_id,
        Client.name,
        Reseller.name.label("reseller"),
        ClientAutoPayment.next_try_at,
        ClientAutoPayment.suspended_at,
        keep=[
            (ClientAutoPayment, ClientAutoPayment.client_id == walked.picked.c.client_id, False),
            (Client, Client.id == ClientAutoPayment.client_id, False),
            (Reseller, Reseller.id == ClientAutoPayment.reseller_id, False),
        ],
    )
    is_one = len(current_scope().reseller_ids) == 1
    return read_page(session, walked, query, lambda row: _row(session, row, is_one=is_one))


def read_desk(session: Session, client_id: int) -> Desk:
    """Raises NotFoundError, also for a client of another tenant."""
    client = get_chosen(session, client_id)
    due = auto_payment.preview(session, client_id)
    row = auto_payment.find_row(session, client_id)
    rules = dunning_rules.rules_of(session, client.reseller_id)
    cards = session.scalars(
        select(SavedCard)
        .where(SavedCard.client_id == client_id, SavedCard.state == "active")
        .order_by(SavedCard.is_default.desc(), SavedCard.created_at.desc(), SavedCard.id)
    ).all()
    return Desk(
        client=client,
        row=row,
        told=describe_due(due),
        figures=describe_figures({"why": due.why.name, **due.figures}) if due.figures else [],
        cards=cards,
        rules=rules,
        planned=_plan(rules, row, client.timezone),
        steps=[
            Step(one, describe_figures(one.figures))
            for one in auto_steps.list_steps(session, client_id)
        ],
        last=_find_last(session, client_id),
    )


def get_company(session: Session, reseller_id: int | None) -> Reseller:
    """The reseller whose rules are shown; the viewer's own by default. Raises NotFoundError."""
    wanted = current_scope().home_reseller_id if reseller_id is None else reseller_id
    found = session.scalar(
        select(Reseller).where(Reseller.id == wanted, Reseller.id.in_(current_scope().reseller_ids))
    )
    if found is None:
        raise NotFoundError("Reseller not found.")
    return found


def _row(session: Session, row: Any, *, is_one: bool) -> Row:  # noqa: ANN401 (a row of the query)
    return Row(
        row.client_id,
        row.name,
        "" if is_one else row.reseller,
        row.next_try_at,
        row.suspended_at is not None,
        describe_due(auto_payment.preview(session, row.client_id)),
        _find_last(session, row.client_id),
    )


def _find_last(session: Session, client_id: int) -> LastCharge | None:
    found = session.execute(
        select(
            Refill.id,
            Refill.state,
            Refill.amount,
            Refill.credited,
            Refill.currency,
            Refill.created_at,
        )
        .where(Refill.client_id == client_id, Refill.source == "auto")
        .order_by(Refill.created_at.desc())
        .limit(1)
    ).one_or_none()
    return None if found is None else LastCharge(*found)


def _plan(rules: Rules, row: ClientAutoPayment | None, timezone: str) -> list[Planned]:
    """What the calendar says if every further try is declined; nothing where nothing goes on."""
    if row is None or not row.enabled or row.suspended_at is not None:
        return []
    zone, at = get_zone(timezone), max(row.next_try_at or now(), now())
    found = []
    for declines in range(row.declines_in_row + 1, rules.declines_to_suspend + 1):
        if declines == rules.declines_to_suspend:
            found.append(Planned(declines, None))
            break
        at = rules.next_try(row.tries_in_vain + declines - row.declines_in_row, at, zone)
        found.append(Planned(declines, at))
    return found


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    auto = ClientAutoPayment
    active_card = exists().where(
        SavedCard.reseller_id == auto.reseller_id,
        SavedCard.client_id == auto.client_id,
        SavedCard.state == "active",
        SavedCard.is_default,
    )
    under_way = exists().where(
        Refill.reseller_id == auto.reseller_id,
        Refill.client_id == auto.client_id,
        Refill.source == "auto",
        Refill.state.in_(OPEN_STATES),
    )
    states: dict[str, Sequence[Any]] = {
        "on": [auto.enabled],
        "suspended": [auto.enabled, auto.suspended_at.is_not(None)],
        "waiting": [auto.enabled, auto.next_try_at > now()],
        "under_way": [auto.enabled, under_way],
        "no_card": [auto.enabled, ~active_card],
        # set up once: it has caps, or something happened
        "off": [
            ~auto.enabled,
            or_(
                auto.extra_amount > 0,
                exists().where(
                    AutoPaymentStep.reseller_id == auto.reseller_id,
                    AutoPaymentStep.client_id == auto.client_id,
                ),
            ),
        ],
        "any": [],
    }
    gone = exists().where(
        Client.reseller_id == auto.reseller_id,
        Client.id == auto.client_id,
        Client.status == "deleted",
    )
    found = [*states[filters.state], ~gone]
    if filters.search:
        found.append(auto.client_id.in_(matching_ids(filters.search)))
    return found
