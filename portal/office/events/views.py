"""The events log: list, what was taken care of, and who is mailed about what."""

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.errors import InvariantError
from core.tenancy import current_scope
from core.uow import unit_of_work
from mail import event_notices
from mail.notice_models import ANY_SERVICE, DELIVERIES
from portal.access import current_viewer, office_view
from portal.event_wording import name_service
from portal.htmx import hx, render, wants_partial
from portal.keyset import read_place
from portal.listing import chosen, render_list
from portal.next_page import safe_next
from portal.office import client_choice
from portal.office.events import queries
from portal.office.events.queries import LEVELS, STATES, Filters
from portal.office.me import current_me
from portal.office.period import period_options, read_period
from portal.office.saved import saved
from tenants import events
from tenants.events import SERVICES
from tenants.permissions import Permission

bp = Blueprint("office_events", __name__, url_prefix="/office/events")
_WANTED = ("none", *events.LEVELS)


@bp.get("/")
@office_view(Permission.EVENTS_READ)
def index() -> ResponseReturnValue:
    filters = Filters(
        search=request.args.get("q", "").strip()[:100],
        client_id=request.args.get("client", type=int),
        reseller_id=request.args.get("reseller", type=int),
        level=chosen("level", LEVELS, "any"),
        service=request.args.get("service", "")[:60],
        state=chosen("state", STATES, "any"),
        period=read_period(),
    )
    with unit_of_work() as session:
        client = client_choice.find_chosen(session, filters.client_id)
        page = queries.read_events(session, filters, read_place())
        services = queries.list_services(session)
        family = client_choice.list_family(session)
    return render_list(
        "office/events/index.html",
        "office/events/_table.html",
        page=page,
        filters=filters,
        client=client,
        family=family,
        services=[(one, name_service(one)) for one in services],
        periods=period_options(),
        may_write=current_viewer().may(Permission.EVENTS_WRITE),
    )


@bp.post("/<int:event_id>/done")
@office_view(Permission.EVENTS_WRITE)
def acknowledge(event_id: int) -> ResponseReturnValue:
    """Somebody has taken care of it; a second click changes nothing."""
    with unit_of_work() as session:
        events.acknowledge(session, event_id)
    return _back()


@bp.post("/<int:event_id>/open")
@office_view(Permission.EVENTS_WRITE)
def take_back(event_id: int) -> ResponseReturnValue:
    """It is open again."""
    with unit_of_work() as session:
        events.take_back(session, event_id)
    return _back()


@bp.get("/notices")
@office_view(Permission.EVENTS_WRITE)
def notices() -> ResponseReturnValue:
    """What the signed-in person is mailed about."""
    with unit_of_work() as session:
        wishes = {
            service: (row.level, row.delivery)
            for service, row in event_notices.list_subscriptions(session, _me()).items()
        }
    page = render(
        "office/events/notices.html",
        "office/events/_notices.html",
        wishes=wishes,
        services=(ANY_SERVICE, *SERVICES),
        any_service=ANY_SERVICE,
        address=current_viewer().detail,
    )
    return hx(page, trigger={"dialog:open": {}})


@bp.post("/notices")
@office_view(Permission.EVENTS_WRITE)
def save_notices() -> ResponseReturnValue:
    """Only one's own: the person is whoever is signed in."""
    wishes = []
    for service in (ANY_SERVICE, *SERVICES):
        level = request.form.get(f"level-{service}", "")
        delivery = request.form.get(f"delivery-{service}", "at_once")
        if level in _WANTED and (level != "none" or service != ANY_SERVICE):
            delivery = delivery if delivery in DELIVERIES else "at_once"
            wishes.append((service, level, delivery))
    with unit_of_work() as session:
        event_notices.save_subscriptions(
            session,
            reseller_id=current_scope().home_reseller_id,
            user_id=_me(),
            wishes=wishes,
        )
    return saved(
        _("Your notifications are saved."),
        changed="notices-changed",
        address=url_for("office_events.index"),
    )


def _me() -> int:
    """The user whose page it is: also for staff of the platform signed in as this person."""
    user_id = current_me().user_id
    if user_id is None:
        raise InvariantError("an office view runs for a user")
    return user_id


def _back() -> Response:
    if wants_partial():
        return saved(_("Noted."), changed="events-changed", address="")
    flash(_("Noted."), "success")
    return redirect(
        safe_next(request.form.get("next"), panel=False) or url_for("office_events.index"), 303
    )  # type: ignore[return-value]
