"""One action on many invoices: choose it, look at whom it changes and who is left out, confirm."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from wtforms import Form, RadioField, StringField

from billing import invoice_edits, invoice_tasks
from billing.invoice_edits import Wish
from billing.invoice_models import Invoice
from billing.invoice_tasks import EDIT, MOST
from core.db import Session
from core.errors import AppError, InvalidInputError, NotAllowedError, NotFoundError
from core.ids import new_id
from core.uow import unit_of_work
from portal.access import NOT_IN_ROLE, current_viewer, office_view
from portal.card_numbers import no_card_number
from portal.fields import put_error, to_choices
from portal.htmx import hx, render, wants_partial
from portal.office.form_ids import read_form_id
from portal.office.invoices.blueprint import bp
from portal.office.invoices.selection import (
    Selection,
    count_selected,
    read_selection,
    select_ids,
)
from portal.office.words import word
from portal.wording import refusal
from tenants import tasks
from tenants.permissions import Permission

LOOKED_AT = 2_000
"""Invoices that a preview decides; more are decided by the task alone."""
SHOWN = 20


class MassEditForm(Form):
    """What shall be done; the reason is asked for voiding."""

    action = RadioField(_l("What to do"), default="issue")
    reason = StringField(_l("Reason"), [no_card_number])


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An invoice that the action would not change, and why."""

    id: UUID
    number: str
    reason: str


@dataclass(slots=True)
class Preview:
    """`count` invoices are meant, `looked_at` of them were decided."""

    count: int
    looked_at: int = 0
    changed: int = 0
    unchanged: int = 0
    left_out: int = 0
    reasons: list[tuple[str, int]] = field(default_factory=list)
    left_rows: list[LeftOut] = field(default_factory=list)


@bp.post("/mass-edit/choose")
@office_view(Permission.INVOICES_EXECUTE)
def new_mass_edit() -> ResponseReturnValue:
    """The form, for the rows picked or for all that match."""
    selection = read_selection()
    with unit_of_work() as session:
        count = count_selected(session, selection, limit=MOST + 1)
    if selection.picked and not count:
        raise NotFoundError("There is no such invoice.")
    return _draw(_make_form(first=True), selection, count, task_id=new_id())


@bp.post("/mass-edit/preview")
@office_view(Permission.INVOICES_EXECUTE)
def preview_mass_edit() -> ResponseReturnValue:
    """Whom it would change and who would be left out; nothing is written."""
    task_id = read_form_id("task_id")
    with unit_of_work() as session:
        return _preview(session, task_id)


@bp.post("/mass-edit")
@office_view(Permission.INVOICES_EXECUTE)
def create_mass_edit() -> ResponseReturnValue:
    """Begin the task whose preview was confirmed; a second click finds the first task."""
    task_id = read_form_id("task_id")
    selection = read_selection()
    form = _make_form()
    wish = Wish(form.action.data or "", form.reason.data or "")
    with unit_of_work() as session:
        if tasks.find_task(session, task_id) is not None:
            return _to_task(task_id)
        if not _is_valid(form, wish) or request.form.get("previewed") != wish.action:
            return _preview(session, task_id, [_("Look at the preview first.")])
    _check_right(wish)
    try:
        with unit_of_work() as session:
            _begin(session, task_id, selection, wish)
    except InvalidInputError as error:
        with unit_of_work() as session:
            return _preview(session, task_id, [refusal(error)])
    flash(_("The invoices are being changed. This page follows the work."), "info")
    return _to_task(task_id)


def _begin(session: Session, task_id: UUID, selection: Selection, wish: Wish) -> None:
    needs = [Permission.INVOICES_WRITE.value] if wish.action in _WRITING else []
    task = tasks.create_task(
        session,
        task_id=task_id,
        kind=EDIT,
        title=word("invoice_action", wish.action),
        params={"wish": {"action": wish.action, "reason": wish.reason}, "needs": needs},
    )
    total = invoice_tasks.add_invoices(session, task, select_ids(selection), most=MOST)
    if total != request.form.get("count", 0, type=int):
        raise InvalidInputError(
            "The list has changed since the preview: %(count)s invoices match now.", count=total
        )
    invoice_tasks.record_request(session, task, selection.to_asked() | {"action": wish.action})


_WRITING = ("void", "regenerate")


def _check_right(wish: Wish) -> None:
    """Voiding and making anew change what is stored: they need the right to write."""
    if wish.action in _WRITING and not current_viewer().may(Permission.INVOICES_WRITE):
        raise NotAllowedError(NOT_IN_ROLE)


def _preview(session: Session, task_id: UUID, messages: Sequence[str] = ()) -> ResponseReturnValue:
    selection = read_selection()
    form = _make_form()
    wish = Wish(form.action.data or "", form.reason.data or "")
    count = count_selected(session, selection, limit=MOST + 1)
    found = None
    if _is_valid(form, wish) and count <= MOST:
        _check_right(wish)
        found = _look(session, selection, wish, count)
    return _draw(
        form,
        selection,
        count,
        task_id=task_id,
        found=found,
        messages=messages,
        status=422 if found is None or messages else 200,
    )


def _look(session: Session, selection: Selection, wish: Wish, count: int) -> Preview:
    preview = Preview(count)
    reasons: Counter[str] = Counter()
    chosen = select_ids(selection).limit(LOOKED_AT).subquery("chosen")
    rows = session.scalars(
        select(Invoice).join(chosen, chosen.c.id == Invoice.id).order_by(chosen.c.n)
    )
    for invoice in rows:
        preview.looked_at += 1
        decision = invoice_edits.decide(invoice, wish)
        if decision.state == "changed":
            preview.changed += 1
        elif decision.state == "unchanged":
            preview.unchanged += 1
        else:
            preview.left_out += 1
            reason = refusal(AppError(decision.reason))
            reasons[reason] += 1
            if len(preview.left_rows) < SHOWN:
                preview.left_rows.append(LeftOut(invoice.id, invoice.number, reason))
    preview.reasons = reasons.most_common()
    return preview


def _make_form(*, first: bool = False) -> MassEditForm:
    form = MassEditForm(None if first else request.form)
    may_write = current_viewer().may(Permission.INVOICES_WRITE)
    form.action.choices = to_choices(
        (one, word("invoice_action", one))
        for one in invoice_edits.ACTIONS
        if may_write or one not in _WRITING
    )
    return form


def _is_valid(form: MassEditForm, wish: Wish) -> bool:
    if not form.validate():
        return False
    try:
        invoice_edits.check_wish(wish)
    except InvalidInputError as error:
        put_error(form, error)
        return False
    return True


def _to_task(task_id: UUID) -> ResponseReturnValue:
    address = url_for("office_tasks.show", task_id=task_id)
    return hx(redirect=address) if wants_partial() else redirect(address, 303)


def _draw(
    form: MassEditForm,
    selection: Selection,
    count: int,
    *,
    task_id: UUID,
    found: Preview | None = None,
    messages: Sequence[str] = (),
    status: int = 200,
) -> ResponseReturnValue:
    return render(
        "office/invoices/mass_edit.html",
        "office/invoices/_mass_edit.html",
        status=status,
        form=form,
        selection=selection,
        filters=selection.filters.query,
        count=count,
        most=MOST,
        task_id=task_id,
        found=found,
        messages=messages,
    )
