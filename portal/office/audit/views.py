"""The audit log: list, one record, an object's last state, and the list as a file."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.clock import now
from core.sheet_writer import CSV_TYPE, Cell, write_csv
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.formatting import number
from portal.htmx import render
from portal.keyset import read_place
from portal.listing import PLACE_ARGUMENTS, chosen, render_list
from portal.office import audit_names, audit_words, client_choice
from portal.office.audit import queries
from portal.office.audit.queries import AuditRow, Filters
from portal.office.period import period_options, read_period
from tenants import audit
from tenants.permissions import Permission

bp = Blueprint("office_audit", __name__, url_prefix="/office/audit")
# endpoint and permission of the page of each kind of object that has one
_PAGES = {
    "client": ("office_clients.show", "client_id", Permission.CLIENTS_READ),
    "invoice": ("office_invoices.show", "invoice_id", Permission.INVOICES_READ),
    "mail": ("office_mail.show", "mail_id", Permission.MAIL_READ),
    "refill": ("office_refills.show", "refill_id", Permission.PAYMENTS_READ),
    "transaction": ("office_transactions.show", "transaction_id", Permission.TRANSACTIONS_READ),
}


@bp.get("/")
@office_view(Permission.AUDIT_READ)
def index() -> ResponseReturnValue:
    filters = _read_filters()
    with unit_of_work() as session:
        client = client_choice.find_chosen(session, filters.client_id)
        page = queries.read_records(session, filters, read_place())
        known = audit_names.read_names(session, [row.changes for row in page.rows])
        family = client_choice.list_family(session)
        chains = queries.read_chains(session, current_scope().reseller_ids)
        actions = queries.list_actions(session)
    return render_list(
        "office/audit/index.html",
        "office/audit/_table.html",
        page=page,
        filters=filters,
        client=client,
        names=known,
        family=family,
        chains=chains,
        object_types=_options("any", _("Any object"), audit_words.OBJECTS, audit_words.name_object),
        actions=_options("any", _("Any action"), actions, audit_words.name_action),
        periods=period_options(),
        may_export=current_viewer().may(Permission.AUDIT_EXECUTE),
        export_url=_export_url(),
        export_rows=queries.EXPORT_ROWS,
        page_of=page_of,
    )


@bp.get("/<int:record_id>")
@office_view(Permission.AUDIT_READ)
def show(record_id: int) -> ResponseReturnValue:
    """One record with everything that is known of it."""
    with unit_of_work() as session:
        row = queries.get_record(session, record_id)
        known = audit_names.read_names(session, [row.changes])
    return render("office/audit/show.html", row=row, names=known, page_of=page_of)


@bp.get("/objects/<object_type>/<object_id>")
@office_view(Permission.AUDIT_READ)
def history(object_type: str, object_id: str) -> ResponseReturnValue:
    """What the records say of an object: its last state, also after it was deleted."""
    with unit_of_work() as session:
        state = queries.get_last_state(session, object_type, object_id)
        known = audit_names.read_names(
            session, [{name: (value,) for name, value in state.values.items()}]
        )
        known |= audit_names.read_names(session, [row.changes for row in state.records])
    return render("office/audit/history.html", state=state, names=known, page_of=page_of)


@bp.post("/export")
@office_view(Permission.AUDIT_EXECUTE)
def export() -> ResponseReturnValue:
    """The filtered list as CSV; that it was taken out is itself recorded."""
    filters = _read_filters()
    with unit_of_work() as session:
        rows = list(queries.read_for_export(session, filters))
        is_cut = len(rows) > queries.EXPORT_ROWS
        rows = rows[: queries.EXPORT_ROWS]
        known = audit_names.read_names(session, [row.changes for row in rows])
        audit.record(
            session,
            reseller_id=current_scope().home_reseller_id,
            action="export",
            object_type="audit_log",
            object_id=now().date(),
            object_label=_("%(count)s records", count=len(rows)),
            changes={name: (None, value) for name, value in sorted(request.args.items()) if value},
        )
    content = b"".join(write_csv(_lines(rows, known, is_cut=is_cut), with_bom=True))
    response = Response(content, content_type=CSV_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="audit-{now().date()}.csv"'
    return response


def _lines(
    rows: list[AuditRow], known: dict[tuple[str, int], str], *, is_cut: bool
) -> Iterator[list[Cell]]:
    yield [
        _("Record"), _("When (UTC)"), _("Reseller"), _("Who"), _("For"), _("IP address"),
        _("Action"), _("Object"), _("Name"), _("ID"), _("Client"), _("Field"), _("Before"),
        _("After"), _("Seal"), _("Hash"),
    ]  # fmt: skip
    for row in rows:
        fixed: list[Cell] = [
            row.id,
            row.at.astimezone(UTC).isoformat(timespec="seconds"),
            row.reseller_name,
            audit_words.name_actor(row.actor_kind, row.actor_label),
            row.on_behalf_of,
            row.ip,
            audit_words.name_action(row.action),
            audit_words.name_object(row.object_type),
            row.object_label,
            row.object_id,
            row.client_id,
        ]
        seal: list[Cell] = [row.seal_no, row.seal_hash]
        for field, (before, after) in row.changes.items() or {"": (None, None)}.items():
            said = [
                audit_words.say_value(row.object_type, field, one, known) for one in (before, after)
            ]
            yield [*fixed, audit_words.name_field(field) if field else "", *said, *seal]
    if is_cut:
        # said in the file itself: whoever reads it has not pressed the button
        yield [
            _(
                "There are more: a file holds the newest %(count)s records. Narrow the list to get"
                " the others.",
                count=number(queries.EXPORT_ROWS),
            )
        ]


def _read_filters() -> Filters:
    return Filters(
        search=request.args.get("q", "").strip()[:100],
        client_id=request.args.get("client", type=int),
        reseller_id=request.args.get("reseller", type=int),
        object_type=chosen("object", ("any", *audit_words.OBJECTS), "any"),
        object_id=request.args.get("id", "").strip()[:60],
        action=request.args.get("action", "any")[:60],
        person=request.args.get("person", "").strip()[:100],
        ip=request.args.get("ip", "").strip()[:60],
        period=read_period(),
    )


def _export_url() -> str:
    """What is exported is what the list shows."""
    asked = {
        name: value for name, value in request.args.items() if value and name not in PLACE_ARGUMENTS
    }
    return url_for("office_audit.export", **asked)  # type: ignore[arg-type]


def _options(
    value: str, text: str, known: Iterable[str], name: Callable[[str], str]
) -> list[tuple[str, str]]:
    return [(value, text), *sorted(((one, name(one)) for one in known), key=lambda pair: pair[1])]


def page_of(object_type: str, object_id: str) -> str:
    """The address of the object's own page, if it has one that the viewer may open."""
    endpoint, argument, permission = _PAGES.get(object_type, ("", "", None))
    if not endpoint or not current_viewer().may(permission):
        return ""
    return url_for(endpoint, **{argument: object_id})  # type: ignore[arg-type]
