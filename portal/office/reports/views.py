"""Balance report and aging: figures, the entries behind each, and their files."""

from io import BytesIO
from typing import Any

from flask import abort, flash, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing import aging as aging_report
from billing import balance_report, report_export, reports
from billing.aging import BUCKETS
from billing.balance_report import BOOKS, GROUPINGS, CurrencyPart
from core.errors import InvalidInputError, NotAllowedError, NotFoundError
from core.ids import new_id
from core.uow import unit_of_work
from core.zones import list_zone_names
from portal import charts
from portal.access import current_viewer, office_view
from portal.formatting import money
from portal.listing import render_list, url_with
from portal.office import client_choice
from portal.office.form_ids import read_form_id
from portal.office.reports import asking
from portal.office.reports.asking import Asked, read_asked
from portal.office.reports.blueprint import bp
from tenants.permissions import Permission

SHOWN = 500
"""Rows of one currency that a page shows; the next pages and the file hold the rest."""
_FURTHEST = 10_000_000


@bp.get("/balance")
@office_view(Permission.REPORTS_READ)
def balance() -> ResponseReturnValue:
    """Opening, movements and closing of Live or Fixed."""
    with unit_of_work() as session:
        asked = read_asked(session, "balance")
        wish = asked.spec.balance_wish(asked.day)
        parts = balance_report.read_report(session, wish)
        skip = _read_skip()
        family = client_choice.list_family(session)
    return render_list(
        "office/reports/balance.html",
        "office/reports/_balance.html",
        asked=asked,
        wish=wish,
        parts=[
            (part, part.rows[skip : skip + SHOWN], _balance_chart(part, wish.group))
            for part in parts
        ],
        **_pages([len(part.rows) for part in parts], skip),
        family=family,
        books=BOOKS,
        groupings=GROUPINGS,
        shown=SHOWN,
        row_name=asking.row_name,
        **_shared(asked),
    )


@bp.get("/balance/entries")
@office_view(Permission.REPORTS_READ)
def balance_entries() -> ResponseReturnValue:
    """The ledger entries behind one figure of the balance report."""
    with unit_of_work() as session:
        asked = read_asked(session, "balance")
        wish = asked.spec.balance_wish(asked.day)
        key = request.args.get("row")
        try:
            page = balance_report.read_entries(
                session,
                wish,
                currency=request.args.get("currency", "")[:3],
                key=key,
                kind=request.args.get("kind", "")[:40],
                after=request.args.get("after", ""),
            )
        except InvalidInputError as error:
            raise NotFoundError(error.text) from error
    return render_list(
        "office/reports/entries.html",
        "office/reports/_entries.html",
        asked=asked,
        wish=wish,
        page=page,
        currency=request.args.get("currency", "")[:3],
        kind=request.args.get("kind", "")[:40],
        row_name=_row_name(key, wish.group, page),
        say=asking.say,
        back=url_for("office_reports.balance", **asked.to_args()),  # type: ignore[arg-type]
    )


@bp.get("/aging")
@office_view(Permission.REPORTS_READ)
def aging() -> ResponseReturnValue:
    """What clients owe on a day, by how late it is."""
    with unit_of_work() as session:
        asked = read_asked(session, "aging")
        wish = asked.spec.aging_wish(asked.day)
        parts = aging_report.read_aging(session, wish)
        skip = _read_skip()
        family = client_choice.list_family(session)
    return render_list(
        "office/reports/aging.html",
        "office/reports/_aging.html",
        asked=asked,
        wish=wish,
        parts=[(part, part.rows[skip : skip + SHOWN], _aging_chart(part)) for part in parts],
        **_pages([len(part.rows) for part in parts], skip),
        family=family,
        buckets=BUCKETS,
        shown=SHOWN,
        **_shared(asked),
    )


def _read_skip() -> int:
    """How many rows stand on the pages before."""
    return min(max(request.args.get("after", 0, type=int), 0), _FURTHEST)


def _pages(counts: list[int], skip: int) -> dict[str, Any]:
    """The places before and after, for a report that one page does not hold."""
    return {
        "skip": skip,
        "previous": _address(skip - SHOWN) if skip else "",
        "next": _address(skip + SHOWN) if any(one > skip + SHOWN for one in counts) else "",
    }


def _address(skip: int) -> str:
    return url_with(after=str(skip) if skip > 0 else None)


@bp.get("/aging/invoices")
@office_view(Permission.REPORTS_READ)
def aging_invoices() -> ResponseReturnValue:
    """The invoices behind one figure of the aging report."""
    with unit_of_work() as session:
        asked = read_asked(session, "aging")
        wish = asked.spec.aging_wish(asked.day)
        currency, bucket = request.args.get("currency", "")[:3], request.args.get("bucket", "")
        skip = _read_skip()
        rows = aging_report.list_invoices(
            session, wish, currency=currency, bucket=bucket, skip=skip
        )
    return render_list(
        "office/reports/aging_invoices.html",
        "office/reports/_aging_invoices.html",
        asked=asked,
        wish=wish,
        rows=rows,
        currency=currency,
        bucket=bucket if bucket in BUCKETS else "",
        skip=skip,
        previous=_address(skip - SHOWN) if skip else "",
        next=_address(skip + SHOWN) if len(rows) >= aging_report.MOST_INVOICES else "",
        say=asking.say,
        back=url_for("office_reports.aging", **asked.to_args()),  # type: ignore[arg-type]
    )


@bp.post("/<report>/file")
@office_view(Permission.REPORTS_WRITE)
def export(report: str) -> ResponseReturnValue:
    """The report as a file; a long one is written by a task."""
    if report not in reports.REPORTS:
        abort(404)
    task_id = read_form_id("task_id")
    format = request.form.get("format", "csv")
    if format not in reports.FORMATS:
        raise InvalidInputError("Choose a format.", "format")
    with unit_of_work() as session:
        asked = read_asked(session, report)
        words = asking.words()
        headings, rows = reports.read_table(session, asked.spec, asked.day, words)
        wish = report_export.Wish(asked.spec, asked.day, format, words, _title(report))
        if len(rows) <= report_export.AT_ONCE:
            report_export.record(session, wish, object_id=task_id, rows=len(rows))
        else:
            _check_may_wait()
            report_export.request_file(session, wish, task_id=task_id)
    if len(rows) > report_export.AT_ONCE:
        flash(_("The file is being written. You find it here when it is ready."), "info")
        return redirect(url_for("office_tasks.show", task_id=task_id), 303)
    file = BytesIO()
    reports.write_table(file, headings, rows, format=format, sheet=wish.sheet)
    file.seek(0)
    return send_file(
        file,
        mimetype=reports.media_type(format),
        download_name=wish.file_name,
        as_attachment=True,
        etag=False,
    )


def _shared(asked: Asked) -> dict[str, Any]:
    """What both reports' pages draw."""
    return {
        "say": asking.say,
        "periods": asking.period_options(),
        "zones": list_zone_names(),
        "args": asked.to_args(),
        "task_id": new_id(),
        "may_write": current_viewer().may(Permission.REPORTS_WRITE),
    }


def _check_may_wait() -> None:
    """Tasks and their files are for those who may have them."""
    if not current_viewer().may(Permission.CLIENTS_EXECUTE):
        raise NotAllowedError(
            "This report is too long to be written at once. Narrow it, or ask for the right to"
            " execute in Clients."
        )


def _title(report: str) -> str:
    return str(_("Aging") if report == "aging" else _("Balance report"))


def _balance_chart(part: CurrencyPart, group: str) -> charts.Chart | None:
    """The closing balance over time, or the largest closings of clients or accounts."""
    if group in ("day", "month"):
        return charts.draw_line(
            [(asking.row_name(row.key, row.name, group), row.closing, "") for row in part.rows]
        )
    largest = sorted(part.rows, key=lambda row: -abs(row.closing))[:20]
    return charts.draw_bars(
        [
            (name, row.closing, f"{name}: {money(row.closing, part.currency)}")
            for row in largest
            for name in (asking.row_name(row.key, row.name, group),)
        ]
    )


def _aging_chart(part: aging_report.AgingPart) -> charts.Chart | None:
    return charts.draw_bars(
        [
            (
                asking.say(name),
                part.total.amounts[name],
                f"{asking.say(name)}: {money(part.total.amounts[name], part.currency)}",
            )
            for name in BUCKETS
        ]
    )


def _row_name(key: str | None, group: str, page: balance_report.EntryPage) -> str:
    """What the row is called: its time, or the client of its entries."""
    if key is None:
        return ""
    name = page.entries[0].client_name if group == "client" and page.entries else ""
    return asking.row_name(key, name, group) if group != "account" or not key else ""
