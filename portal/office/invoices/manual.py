"""An invoice made by hand: which days it would cover and what it would come to."""

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from wtforms import BooleanField, DateField, Form
from wtforms.validators import DataRequired, Optional, ValidationError

from billing.client_billing import FIRST_DAY
from billing.invoice_contents import Contents, read_contents
from billing.models import ClientBilling, Transaction
from billing.periods import Period, period_for_dates
from core.clock import today
from core.db import Session
from core.zones import get_zone
from portal.office.client_choice import ChosenClient


class InvoiceForm(Form):
    """Up to which day; everything not invoiced yet before its end is taken."""

    last_on = DateField(_l("Up to and including"), [DataRequired(_l("Choose a day."))])
    invoice_on = DateField(_l("Invoice date"), [Optional()])
    issue = BooleanField(_l("Issue and mail it at once"), default=True)

    def validate_last_on(self, field: DateField) -> None:
        if field.data is not None and not self.first_on <= field.data <= self.latest_on:
            raise ValidationError(
                _l("Choose a day from %(first)s to today.", first=self.first_on.isoformat())
            )

    def validate_invoice_on(self, field: DateField) -> None:
        if field.data is not None and not FIRST_DAY <= field.data <= self.latest_on:
            raise ValidationError(_l("Choose today or a day before."))

    first_on: date
    latest_on: date


@dataclass(frozen=True, slots=True)
class Days:
    """From which day on the client is not billed yet, and today in its zone."""

    first_on: date
    today_on: date
    zone: ZoneInfo
    billing: ClientBilling | None

    def period_to(self, last_on: date) -> Period:
        """Raises InvalidInputError for days that hold no time."""
        previous = self.billing.billed_until if self.billing else None
        return period_for_dates(self.first_on, last_on, self.zone, previous_end_at=previous)


def read_days(session: Session, client: ChosenClient) -> Days:
    """The day after Last Invoiced, else the day of the first charge."""
    zone = get_zone(client.timezone)
    day = today(zone)
    billing = session.scalar(select(ClientBilling).where(ClientBilling.client_id == client.id))
    if billing is not None and billing.last_invoiced_on is not None:
        return Days(billing.last_invoiced_on + timedelta(days=1), day, zone, billing)
    first_at = session.scalar(
        select(func.min(Transaction.dated_at)).where(
            Transaction.client_id == client.id,
            Transaction.type == "charge",
            Transaction.status == "approved",
            Transaction.invoice_id.is_(None),
        )
    )
    first_on = day if first_at is None else min(day, first_at.astimezone(zone).date())
    return Days(first_on, day, zone, billing)


def preview(session: Session, client: ChosenClient, period: Period) -> Contents:
    """What the invoice of this period would hold; writes nothing."""
    return read_contents(session, client.id, client.currency, period.ends_at)
