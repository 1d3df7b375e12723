"""Exchange rates from a file: what becomes of every row is shown before any is written."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from billing import exchange_rate_import
from billing.exchange_rate_import import RateLine
from core.errors import AppError, ConflictError, InvalidInputError
from core.sheet_reader import MOST_BYTES
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import office_view
from portal.card_numbers import refuse_card_number, without_card_numbers
from portal.htmx import render
from portal.office.currencies.blueprint import bp, open_reseller
from portal.office.currencies.forms import RatesFileForm
from portal.wording import refusal
from tenants.models import Reseller
from tenants.permissions import Permission


@bp.get("/rates/import")
@office_view(Permission.CURRENCIES_WRITE)
def choose_file() -> ResponseReturnValue:
    with unit_of_work() as session:
        reseller = open_reseller(session)
    return _draw(reseller, RatesFileForm())


@bp.post("/rates/import")
@office_view(Permission.CURRENCIES_WRITE)
def import_file() -> ResponseReturnValue:
    """Look at the rows; only the second button writes them. Sent twice they are the same."""
    form = RatesFileForm(without_card_numbers(request.form))
    is_import = request.form.get("action") == "import"
    lines: list[RateLine] = []
    with unit_of_work() as session:
        reseller = open_reseller(session)
    try:
        refuse_card_number(request.form.get("text", ""), "text")
        content = _read_content(form)
        with unit_of_work() as session:
            lines = exchange_rate_import.read_rates(session, reseller.id, content)
        if not is_import:
            return _draw(reseller, form, lines)
        with unit_of_work() as session:
            exchange_rate_import.import_rates(session, reseller.id, content)
    except (InvalidInputError, ConflictError) as error:
        return _draw(reseller, form, lines, error)
    count = sum(line.state in ("new", "change") for line in lines)
    flash(
        ngettext(
            "%(num)d exchange rate is imported.", "%(num)d exchange rates are imported.", count
        )
        if count
        else _("All these exchange rates were there already."),
        "success",
    )
    is_own = reseller.id == current_scope().home_reseller_id
    address = url_for("office_currencies.list_rates", reseller=None if is_own else reseller.id)
    return redirect(address, 303)


def _read_content(form: RatesFileForm) -> bytes:
    """The file, whose rows are then also in the box to be corrected; else what the box holds."""
    file = request.files.get("file")
    if file is not None and file.filename:
        content = file.stream.read(MOST_BYTES + 1)
        if not content.startswith(b"PK"):
            form.text.data = content[:MOST_BYTES].decode("utf-8-sig", "replace").replace("\0", "")
            return content
        raise InvalidInputError("Save the sheet as CSV first.", "file")
    text = form.text.data or ""
    if not text.strip():
        raise InvalidInputError("Choose a file or write the rows.", "file")
    return text.encode()


def _draw(
    reseller: Reseller,
    form: RatesFileForm,
    lines: list[RateLine] | None = None,
    error: AppError | None = None,
) -> ResponseReturnValue:
    rows = lines or []
    counts = {
        state: sum(line.state == state for line in rows)
        for state in ("new", "change", "same", "wrong")
    }
    return render(
        "office/currencies/import.html",
        status=422 if error is not None else 200,
        reseller=reseller,
        form=form,
        lines=rows,
        counts=counts,
        errors={line.number: refusal(line.error) for line in rows if line.error is not None},
        messages=() if error is None else (refusal(error),),
        is_own=reseller.id == current_scope().home_reseller_id,
    )
