"""Saved reports: the list, and the form with its schedule."""

from uuid import UUID

from flask import Response, abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from billing import reports, saved_reports
from billing.report_models import SavedReport
from billing.reports import ReportSpec, spec_of
from billing.saved_reports import Saving
from core.errors import ConflictError, InvalidInputError
from core.ids import new_id
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.fields import put_error
from portal.htmx import hx, render
from portal.office.form_ids import read_form_id
from portal.office.reports import asking
from portal.office.reports.asking import read_asked, spec_args
from portal.office.reports.blueprint import bp
from portal.office.reports.forms import SavedReportForm
from portal.office.saved import saved
from portal.wording import refusal
from tenants.list_views import current_user_id
from tenants.permissions import Permission


@bp.get("/saved/")
@office_view(Permission.REPORTS_READ)
def balance_saved() -> ResponseReturnValue:
    """The person's own reports and those that others share."""
    with unit_of_work() as session:
        rows = saved_reports.list_reports(session)
        runs = saved_reports.find_last_runs(session, [row.id for row in rows])
    return render(
        "office/reports/saved.html",
        "office/reports/_saved.html",
        rows=[(row, spec_of(row.params), runs.get(row.id)) for row in rows],
        open_url=_open_url,
        me=current_user_id(),
        may_write=current_viewer().may(Permission.REPORTS_WRITE),
        every=dict(_every()),
        here=url_for("office_reports.balance_saved"),
    )


@bp.get("/<report>/save")
@office_view(Permission.REPORTS_WRITE)
def balance_save(report: str) -> ResponseReturnValue:
    """The form for the report that the address asks for."""
    spec = _read_spec(report)
    return _opened(_draw(SavedReportForm(), spec, request_id=new_id()))


@bp.post("/<report>/save")
@office_view(Permission.REPORTS_WRITE)
def create_saved(report: str) -> ResponseReturnValue:
    """Keep it; the same drawn form sent twice keeps one."""
    report_id = read_form_id("report_id")
    spec, form = _read_spec(report), SavedReportForm(request.form)
    if not form.validate():
        return _draw(form, spec, request_id=report_id, status=422)
    try:
        with unit_of_work() as session:
            saved_reports.create_report(session, report_id=report_id, saving=_saving(form, spec))
    except InvalidInputError as error:
        messages = [] if put_error(form, error) else [refusal(error)]
        return _draw(form, spec, request_id=report_id, status=422, messages=messages)
    except IntegrityError as error:
        raise ConflictError("Somebody was faster. Try again.") from error
    return _done(_("The report is saved."))


@bp.get("/saved/<uuid:report_id>")
@office_view(Permission.REPORTS_WRITE)
def balance_saved_edit(report_id: UUID) -> ResponseReturnValue:
    with unit_of_work() as session:
        row = saved_reports.get_report(session, report_id)
    form = SavedReportForm(obj=row)
    form.recipients.data = "\n".join(row.recipients)
    return _opened(_draw(form, spec_of(row.params), row=row))


@bp.post("/saved/<uuid:report_id>")
@office_view(Permission.REPORTS_WRITE)
def update_saved(report_id: UUID) -> ResponseReturnValue:
    form = SavedReportForm(request.form)
    with unit_of_work() as session:
        row = saved_reports.get_report(session, report_id)
    spec = spec_of(row.params)
    if not form.validate():
        return _draw(form, spec, row=row, status=422)
    try:
        with unit_of_work() as session:
            saved_reports.update_report(
                session,
                report_id,
                version=request.form.get("version", 0, type=int),
                saving=_saving(form, spec),
            )
    except InvalidInputError as error:
        messages = [] if put_error(form, error) else [refusal(error)]
        return _draw(form, spec, row=row, status=422, messages=messages)
    except ConflictError as error:
        return _draw(form, spec, row=row, status=409, messages=[refusal(error)])
    return _done(_("The report is saved."))


@bp.post("/saved/<uuid:report_id>/delete")
@office_view(Permission.REPORTS_WRITE)
def delete_saved(report_id: UUID) -> ResponseReturnValue:
    with unit_of_work() as session:
        saved_reports.delete_report(session, report_id)
    return _done(_("The report is deleted. It is mailed no more."))


def _read_spec(report: str) -> ReportSpec:
    if report not in reports.REPORTS:
        abort(404)
    with unit_of_work() as session:
        return read_asked(session, report).spec


def _saving(form: SavedReportForm, spec: ReportSpec) -> Saving:
    return Saving(
        name=form.name.data or "",
        spec=spec,
        is_shared=form.is_shared.data,
        format=form.format.data,
        schedule=form.schedule(),
        words=asking.words(),
        locale=str(get_locale() or "en"),
    )


def _every() -> list[tuple[str, str]]:
    return [
        ("never", _("not mailed")),
        ("day", _("every day")),
        ("week", _("every week")),
        ("month", _("every month")),
    ]


def _open_url(spec: ReportSpec) -> str:
    return url_for(f"office_reports.{spec.report}", **spec_args(spec))  # type: ignore[arg-type]


def _draw(
    form: SavedReportForm,
    spec: ReportSpec,
    *,
    row: SavedReport | None = None,
    request_id: UUID | None = None,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    is_mine = row is None or row.user_id == current_user_id()
    return render(
        "office/reports/form.html",
        "office/reports/_form.html",
        status=status,
        form=form,
        spec=spec,
        row=row,
        args=spec_args(spec),
        request_id=request_id,
        is_mine=is_mine,
        periods=dict(asking.period_options()),
        messages=messages or [],
    )


def _opened(page: Response) -> Response:
    return hx(page, trigger={"dialog:open": {}})


def _done(text: str) -> Response:
    return saved(text, changed="reports-changed", address=url_for("office_reports.balance_saved"))
