"""Opening balances that were booked, and taking one back."""

from uuid import UUID

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Form, TextAreaField
from wtforms.validators import InputRequired, Length

from billing import opening_balances
from billing.transaction_rows import DESCRIPTION_LENGTH
from core.errors import InvalidInputError
from core.ids import new_id
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.fields import put_error
from portal.htmx import hx, render
from portal.office.form_ids import read_form_id
from portal.office.payment_imports import queries
from portal.office.payment_imports.blueprint import bp
from portal.office.saved import saved
from portal.wording import refusal
from tenants.permissions import Permission


class ReasonForm(Form):
    reason = TextAreaField(
        _l("Reason"),
        [
            InputRequired(_l("Enter the reason.")),
            Length(max=DESCRIPTION_LENGTH, message=_l("Use at most 500 characters.")),
        ],
    )


@bp.get("/opening-balances")
@office_view(Permission.TRANSACTIONS_READ)
def openings() -> ResponseReturnValue:
    """The newest ones."""
    with unit_of_work() as session:
        rows = queries.list_openings(session)
    return render(
        "office/payment_imports/openings.html",
        "office/payment_imports/_openings.html",
        rows=rows,
        latest=queries.LATEST,
        may_write=current_viewer().may(Permission.TRANSACTIONS_WRITE),
        here=url_for("office_payment_imports.openings"),
    )


@bp.get("/opening-balances/<uuid:opening_id>/reverse")
@office_view(Permission.TRANSACTIONS_WRITE)
def reverse_form(opening_id: UUID) -> ResponseReturnValue:
    return hx(_draw(opening_id, ReasonForm(), new_id()), trigger={"dialog:open": {}})


@bp.post("/opening-balances/<uuid:opening_id>/reverse")
@office_view(Permission.TRANSACTIONS_WRITE)
def reverse(opening_id: UUID) -> ResponseReturnValue:
    """Take it back by its opposite; the same form sent twice does so once."""
    reversal_id, form = read_form_id("reversal_id"), ReasonForm(request.form)
    if not form.validate():
        return _draw(opening_id, form, reversal_id, status=422)
    try:
        with unit_of_work() as session:
            opening_balances.reverse_opening_balance(
                session, opening_id, reversal_id=reversal_id, reason=form.reason.data or ""
            )
    except InvalidInputError as error:
        messages = [] if put_error(form, error) else [refusal(error)]
        return _draw(opening_id, form, reversal_id, status=422, messages=messages)
    return saved(
        _("The opening balance is reversed."),
        changed="openings-changed",
        address=url_for("office_payment_imports.openings"),
    )


def _draw(
    opening_id: UUID,
    form: ReasonForm,
    reversal_id: UUID,
    *,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    with unit_of_work() as session:
        opening = opening_balances.get_opening_balance(session, opening_id)
    return render(
        "office/payment_imports/reverse.html",
        "office/payment_imports/_reverse.html",
        status=status,
        opening=opening,
        form=form,
        reversal_id=reversal_id,
        messages=messages or [],
    )
