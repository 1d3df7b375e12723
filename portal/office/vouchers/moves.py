"""Activating, blocking, unblocking and letting expire: one voucher, or those of a series."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing import voucher_moves, vouchers
from billing.voucher_moves import Move
from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.uow import unit_of_work
from portal.access import office_view
from portal.fields import put_error
from portal.formatting import number
from portal.htmx import hx, render
from portal.office.saved import saved
from portal.office.vouchers import queries
from portal.office.vouchers.blueprint import CHANGED, bp
from portal.office.vouchers.forms import MoveForm
from portal.wording import refusal
from tenants.permissions import Permission

_MOVE = "<any(activate,block,unblock,expire):move>"
TITLES: dict[str, LazyString] = {
    "activate": _l("Activate"),
    "block": _l("Block"),
    "unblock": _l("Unblock"),
    "expire": _l("Let expire"),
}
TEXTS: dict[str, LazyString] = {
    "activate": _l("From now on they can be redeemed."),
    "block": _l("They cannot be redeemed until they are unblocked."),
    "unblock": _l("They are again what they were before they were blocked."),
    "expire": _l("They can never be redeemed again. This cannot be undone."),
}


@dataclass(frozen=True, slots=True)
class _What:
    """What is moved: how it is called, where the form goes, and whether numbers are asked for."""

    label: str
    action: str
    back: str
    quantity: int = 0


@bp.get(f"/series/<int:series_id>/{_MOVE}")
@office_view(Permission.VOUCHERS_WRITE)
def ask_series(series_id: int, move: Move) -> ResponseReturnValue:
    return _draw(MoveForm(), _read_series(series_id, move), move)


@bp.post(f"/series/<int:series_id>/{_MOVE}")
@office_view(Permission.VOUCHERS_WRITE)
def move_series(series_id: int, move: Move) -> ResponseReturnValue:
    what = _read_series(series_id, move)

    def act(session: Session, form: MoveForm) -> str:
        moved = voucher_moves.move_series(
            session,
            series_id,
            move,
            reason=form.reason.data or "",
            first=form.first.data,
            last=form.last.data,
        )
        return str(
            ngettext(
                "%(count)s voucher was changed.",
                "%(count)s vouchers were changed.",
                moved,
                count=number(moved),
            )
        )

    return _save(what, move, act)


@bp.get(f"/<uuid:voucher_id>/{_MOVE}")
@office_view(Permission.VOUCHERS_WRITE)
def ask_voucher(voucher_id: UUID, move: Move) -> ResponseReturnValue:
    return _draw(MoveForm(), _read_voucher(voucher_id, move), move)


@bp.post(f"/<uuid:voucher_id>/{_MOVE}")
@office_view(Permission.VOUCHERS_WRITE)
def move_voucher(voucher_id: UUID, move: Move) -> ResponseReturnValue:
    what = _read_voucher(voucher_id, move)

    def act(session: Session, form: MoveForm) -> str:
        voucher_moves.move_voucher(session, voucher_id, move, reason=form.reason.data or "")
        return str(_("%(name)s is saved.", name=what.label))

    return _save(what, move, act)


def _read_series(series_id: int, move: Move) -> _What:
    with unit_of_work() as session:
        series = vouchers.get_series(session, series_id)
    return _What(
        series.name,
        url_for(".move_series", series_id=series_id, move=move),
        url_for(".show", series_id=series_id),
        series.quantity,
    )


def _read_voucher(voucher_id: UUID, move: Move) -> _What:
    with unit_of_work() as session:
        voucher, series = queries.get_row(session, voucher_id)
    return _What(
        vouchers.serial_of(series, voucher.number),
        url_for(".move_voucher", voucher_id=voucher_id, move=move),
        url_for(".list_all", series=series.id),
    )


def _save(what: _What, move: Move, act: Callable[[Session, MoveForm], str]) -> Response:
    form = MoveForm(request.form)
    if not form.validate():
        return _draw(form, what, move, status=422)
    try:
        with unit_of_work() as session:
            text = act(session, form)
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, what, move, status=422)
    except ConflictError as error:
        return _draw(form, what, move, status=409, messages=(refusal(error),))
    return saved(text, changed=CHANGED, address=what.back)


def _draw(
    form: MoveForm,
    what: _What,
    move: Move,
    *,
    status: int = 200,
    messages: tuple[str, ...] = (),
) -> Response:
    page = render(
        "office/vouchers/move.html",
        "office/vouchers/_move.html",
        status=status,
        form=form,
        what=what,
        title=TITLES[move],
        text=TEXTS[move],
        is_final=move == "expire",
        messages=messages,
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
