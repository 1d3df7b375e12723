"""Pages of settings, the same for the own company and for a reseller beneath it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Response, current_app, flash, redirect, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.datastructures import CombinedMultiDict
from wtforms import Form

from billing import numbers
from core.clock import now
from core.config import Settings
from core.db import Session
from core.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    TooManyAttemptsError,
)
from core.tenancy import current_actor, current_scope
from core.uow import unit_of_work
from core.zones import get_zone
from mail import servers
from mail.queue import find_sender
from mail.smtp import Answer, Outcome
from portal.access import current_viewer
from portal.acting import NOT_FOR_ANOTHER
from portal.fields import put_error
from portal.htmx import hx, render, toast, wants_partial
from portal.office.resellers import queries
from portal.office.resellers.parts import EXAMPLE_CLIENT_ID, PAGES, PARTS, Part, Stored
from portal.wording import refusal
from tenants import logos, resellers
from tenants.models import AuditRecord, Reseller
from tenants.permissions import Permission


@dataclass(frozen=True, slots=True)
class Place:
    """Whose settings: the own company's, or those of a reseller beneath it."""

    reseller_id: int
    may_write: bool
    is_own: bool

    def url(self, endpoint: str, **values: Any) -> str:  # noqa: ANN401 (parts of an address)
        """The address of one of the views that both blueprints have."""
        if self.is_own:
            return url_for(f"office_settings.{endpoint}", **values)
        return url_for(f"office_resellers.{endpoint}", reseller_id=self.reseller_id, **values)


@dataclass(frozen=True, slots=True)
class Change:
    """Who changed the settings last, and when."""

    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Drawn:
    """A part as its template gets it; `differences`: label and stored value where another's is."""

    key: str
    title: str
    form: Form
    stamp: str
    more: Mapping[str, object]
    action: str
    change: Change | None = None
    differences: list[tuple[str, str]] = field(default_factory=list)
    answer: tuple[str, str] | None = None

    @property
    def partial(self) -> str:
        return f"office/resellers/_{self.key}.html"


def own_place() -> Place:
    """The own company; only inside an office view."""
    return Place(
        current_scope().home_reseller_id,
        current_viewer().may(Permission.SETTINGS_WRITE),
        is_own=True,
    )


def show_page(place: Place, page: str) -> Response:
    """A page with each of its parts as it is stored."""
    with unit_of_work() as session:
        reseller = resellers.get_reseller(session, place.reseller_id)
        drawn = [
            _draw_stored(session, place, reseller, part)
            for part in PARTS.values()
            if part.page == page
        ]
        about = queries.read_about(session, reseller)
    return _render_page(place, reseller, page, drawn, about)


def save_part(place: Place, key: str) -> Response:
    """Save one part: 422 at the field, 409 when somebody was faster; nothing typed is lost."""
    part = PARTS[key]
    if key == "server":
        refuse_acting()
    stamp = request.form.get("stamp", "")
    with unit_of_work() as session:
        reseller = resellers.get_reseller(session, place.reseller_id)
        form = part.form(_formdata())
        if part.offer is not None:
            part.offer(session, reseller, form)
        stored = part.read(session, reseller)
    if not form.validate():
        return _redraw(place, reseller, part, form, stored, stamp, 422)
    try:
        with unit_of_work() as session:
            part.save(session, place.reseller_id, form, stamp)
    except InvalidInputError as error:
        if not put_error(form, error):
            raise
        return _redraw(place, reseller, part, form, stored, stamp, 422)
    except ConflictError:
        return _redraw_stale(place, part, form)
    return _saved(place, part, _("%(part)s: saved.", part=str(part.title)))


def remove_logo(place: Place) -> Response:
    with unit_of_work() as session:
        resellers.get_reseller(session, place.reseller_id)
        logos.remove_logo(session, place.reseller_id)
    return _saved(place, PARTS["branding"], _("The logo is removed; the name stands in its place."))


def remove_server(place: Place) -> Response:
    refuse_acting()
    with unit_of_work() as session:
        servers.remove_server(session, place.reseller_id)
    return _saved(place, PARTS["server"], _("Mail goes over the platform’s server again."))


def test_server(place: Place) -> Response:
    """Send a real mail to whoever asks, and show what the server said."""
    refuse_acting()
    with unit_of_work() as session:
        resellers.get_reseller(session, place.reseller_id)
        sender = find_sender(session, place.reseller_id)
    to_address = current_actor().label
    try:
        answer = servers.send_test_mail(
            unit_of_work,
            place.reseller_id,
            to_address=to_address,
            sender=sender,
            settings=_settings(),
        )
        told = _tell(answer, to_address)
    except TooManyAttemptsError as error:
        told = (refusal(error), "warn")
    return _saved(place, PARTS["server"], told[0], told)


def refuse_acting() -> None:
    """Raises NotAllowedError for staff signed in as somebody else: credentials are one's own."""
    if current_viewer().acting is not None:
        raise NotAllowedError(NOT_FOR_ANOTHER)


def preview_number(place: Place) -> Response:
    """The next number as the typed template would write it, or what is wrong with it."""
    template = request.args.get("template", "").replace("\x00", "")[:300]
    problem = text = ""
    with unit_of_work() as session:
        reseller = resellers.get_reseller(session, place.reseller_id)
        series = numbers.read_series(session, reseller.id)
    try:
        checked = numbers.check_template(template, suretax="suretax" in request.args)
        today = now().astimezone(get_zone(reseller.timezone)).date()
        text = numbers.format_number(checked, series.next_number, EXAMPLE_CLIENT_ID, today)
    except InvalidInputError as error:
        problem = refusal(error)
    return render(
        "office/resellers/number.html",
        "office/resellers/_number.html",
        next_number=text,
        problem=problem,
    )


def _tell(answer: Answer, to_address: str) -> tuple[str, str]:
    if answer.outcome is Outcome.SENT:
        return _("The server has taken a mail to %(address)s.", address=to_address), "ok"
    if answer.outcome is Outcome.UNKNOWN:
        return _("The mail was handed over, but no answer came: %(text)s", text=answer.detail), (
            "warn"
        )
    return _("The mail was not taken: %(text)s", text=answer.detail), "bad"


def _formdata() -> Any:  # noqa: ANN401 (werkzeug's own multi-dict)
    return CombinedMultiDict([request.form, request.files])


def _draw_stored(session: Session, place: Place, reseller: Reseller, part: Part) -> Drawn:
    stored = part.read(session, reseller)
    form = part.form(data=dict(stored.data))
    if part.offer is not None:
        part.offer(session, reseller, form)
    return _drawn(place, part, form, stored, stored.stamp)


def _drawn(
    place: Place,
    part: Part,
    form: Form,
    stored: Stored,
    stamp: str,
    **more: Any,  # noqa: ANN401
) -> Drawn:
    return Drawn(
        part.key,
        str(part.title),
        form,
        stamp,
        stored.more,
        place.url("save", part=part.key),
        **more,
    )


def _redraw(
    place: Place,
    reseller: Reseller,
    part: Part,
    form: Form,
    stored: Stored,
    stamp: str,
    status: int,
    **more: Any,  # noqa: ANN401 (fields of Drawn)
) -> Response:
    drawn = _drawn(place, part, form, stored, stamp, **more)
    if wants_partial():
        return _render_part(place, reseller, drawn, status)
    with unit_of_work() as session:
        reseller = resellers.get_reseller(session, place.reseller_id)
        all_parts = [
            drawn if one.key == part.key else _draw_stored(session, place, reseller, one)
            for one in PARTS.values()
            if one.page == part.page
        ]
        about = queries.read_about(session, reseller)
    return _render_page(place, reseller, part.page, all_parts, about, status)


def _redraw_stale(place: Place, part: Part, form: Form) -> Response:
    """What was typed stays; beside it stands what somebody else has saved meanwhile."""
    with unit_of_work() as session:
        reseller = resellers.get_reseller(session, place.reseller_id)
        stored = part.read(session, reseller)
        change = _last_change(session, place.reseller_id)
    current = part.form(data=dict(stored.data))
    differences = [
        (str(one.label.text), str(stored.data[name] or "–"))
        for name, one in current._fields.items()
        if name in stored.data and (stored.data[name] or "") != (form[name].data or "")
    ]
    return _redraw(
        place,
        reseller,
        part,
        form,
        stored,
        stored.stamp,
        409,
        change=change,
        differences=differences,
    )


def _last_change(session: Session, reseller_id: int) -> Change | None:
    row = session.execute(
        select(AuditRecord.actor_label, AuditRecord.at)
        .where(
            AuditRecord.reseller_id == reseller_id,
            AuditRecord.object_type.in_(("reseller", "number_series")),
            AuditRecord.action == "update",
        )
        .order_by(AuditRecord.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else Change(*row)


def _saved(place: Place, part: Part, text: str, answer: tuple[str, str] | None = None) -> Response:
    level = {"bad": "error", "warn": "warning"}.get(answer[1] if answer else "", "success")
    if not wants_partial():
        flash(text, level)
        return redirect(place.url("page", page=part.page), 303)  # type: ignore[return-value]
    with unit_of_work() as session:
        reseller = resellers.get_reseller(session, place.reseller_id)
        stored = part.read(session, reseller)
        form = part.form(data=dict(stored.data))
        if part.offer is not None:
            part.offer(session, reseller, form)
    page = _render_part(
        place, reseller, _drawn(place, part, form, stored, stored.stamp, answer=answer), 200
    )
    return page if answer else hx(page, trigger={"toast": toast(text, level)})


def _render_part(place: Place, reseller: Reseller, drawn: Drawn, status: int) -> Response:
    return render(
        drawn.partial,
        drawn.partial,
        status=status,
        part=drawn,
        place=place,
        reseller=reseller,
        may_write=place.may_write,
    )


def _render_page(
    place: Place,
    reseller: Reseller,
    page: str,
    parts: list[Drawn],
    about: queries.About,
    status: int = 200,
) -> Response:
    return render(
        "office/resellers/settings.html",
        status=status,
        place=place,
        reseller=reseller,
        page=page,
        pages=[(key, str(title), place.url("page", page=key)) for key, title in PAGES.items()],
        parts=parts,
        about=about,
        may_write=place.may_write,
    )


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings
