"""Taking the PINs of a series out: a file, made once and kept nowhere."""

from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO

from flask import flash, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing import voucher_pins, vouchers
from billing.voucher_models import VoucherSeries
from core.errors import ConflictError
from core.money import minor_amount
from core.sheet_writer import CSV_TYPE, XLSX_TYPE, Cell, write_csv, write_xlsx
from core.uow import unit_of_work
from portal.access import office_view
from portal.office.vouchers.blueprint import bp
from portal.wording import refusal
from tenants.permissions import Permission


@bp.post("/series/<int:series_id>/pins")
@office_view(Permission.VOUCHERS_EXECUTE)
def take_pins(series_id: int) -> ResponseReturnValue:
    """The file itself; it is recorded, and a second time there is nothing to give."""
    is_sheet = request.form.get("format") == "xlsx"
    try:
        with unit_of_work() as session:
            series = vouchers.get_series(session, series_id)
            pins = vouchers.take_pins(session, series_id)
            # written before the commit: PINs are forgotten only when the file is there
            file = _write(series, pins, is_sheet=is_sheet)
    except ConflictError as error:
        flash(refusal(error), "error")
        return redirect(url_for(".show", series_id=series_id), 303)
    return send_file(
        file,
        mimetype=XLSX_TYPE if is_sheet else CSV_TYPE,
        download_name=f"vouchers-{series.name}.{'xlsx' if is_sheet else 'csv'}",
        as_attachment=True,
        etag=False,
    )


def _write(series: VoucherSeries, pins: list[tuple[int, str]], *, is_sheet: bool) -> BytesIO:
    headings = [_("Serial number"), _("PIN"), _("Amount"), _("Currency"), _("Last day")]
    file = BytesIO()
    if is_sheet:
        write_xlsx(file, headings, _rows(series, pins), sheet=_("Vouchers"))
    else:
        for piece in write_csv([headings, *_rows(series, pins)], with_bom=True):
            file.write(piece)
    file.seek(0)
    return file


def _rows(series: VoucherSeries, pins: list[tuple[int, str]]) -> Iterator[list[Cell]]:
    amount: Decimal = minor_amount(series.amount, series.currency)
    for number, pin in pins:
        yield [
            vouchers.serial_of(series, number),
            # in groups it stays text in every spreadsheet: as a number it would lose digits
            voucher_pins.grouped(pin),
            amount,
            series.currency,
            series.expires_on,
        ]
