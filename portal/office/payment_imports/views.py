"""Import of payments and opening balances: upload, match columns, look at each line, book."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _

from billing import opening_import, payment_accounts, payment_import
from billing.statement_rows import DATE_ORDERS, Plan, plan_of
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from core.sheet_reader import MOST_BYTES, look_at
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.card_numbers import refuse_card_number
from portal.fields import id_or_none
from portal.htmx import render
from portal.office.form_ids import read_form_id
from portal.office.payment_imports import queries
from portal.office.payment_imports.blueprint import bp
from portal.office.payment_imports.columns import FIELDS, LABELS, guess_fields, remember_fields
from portal.wording import refusal
from tenants import audit, task_bytes, tasks
from tenants.permissions import Permission
from tenants.task_models import Task

KINDS = (payment_import.KIND, opening_import.KIND)
_CHECKS = {payment_import.KIND: payment_import.check, opening_import.KIND: opening_import.check}


@bp.get("/")
@office_view(Permission.TRANSACTIONS_WRITE)
def index() -> ResponseReturnValue:
    """Where a file is chosen."""
    return _draw_upload()


@bp.post("/")
@office_view(Permission.TRANSACTIONS_WRITE)
def upload() -> ResponseReturnValue:
    """Keep the file and look at its headings."""
    task_id = read_form_id("task_id")
    file, kind = request.files.get("file"), request.form.get("kind", payment_import.KIND)
    try:
        if kind not in KINDS:
            raise InvalidInputError("Choose what the file holds.", "kind")
        if file is None or not file.filename:
            raise InvalidInputError("Choose a file.", "file")
        content = file.stream.read(MOST_BYTES + 1)
        sheet = look_at(content)
    except InvalidInputError as error:
        return _draw_upload([refusal(error)])
    name = "".join(letter for letter in file.filename if letter.isprintable())[:200]
    with unit_of_work() as session:
        if tasks.find_task(session, task_id) is None:
            task = tasks.create_task(
                session,
                task_id=task_id,
                kind=kind,
                title=name,
                params={"sheet": asdict(sheet)},
                state="draft",
            )
            task_bytes.put_bytes(session, task, "source", content)
    return redirect(url_for("office_payment_imports.show", task_id=task_id), 303)


@bp.get("/<uuid:task_id>")
@office_view(Permission.TRANSACTIONS_WRITE)
def show(task_id: UUID) -> ResponseReturnValue:
    """The columns to match, or what the check has found."""
    with unit_of_work() as session:
        task = _get(session, task_id)
        if task.state not in ("draft", "checked"):
            return redirect(url_for("office_tasks.show", task_id=task_id))
        return _draw(session, task)


@bp.post("/<uuid:task_id>/check")
@office_view(Permission.TRANSACTIONS_WRITE)
def check(task_id: UUID) -> ResponseReturnValue:
    """Read and match every line with these columns; nothing is booked."""
    with unit_of_work() as session:
        task = _get(session, task_id, lock=True)
        plan = _read_plan(task)
        try:
            _CHECKS[task.kind](session, plan)
        except InvalidInputError as error:
            return _draw(session, task, plan=plan, messages=[refusal(error)])
        if task.state in ("draft", "checked"):
            remember_fields(session, task.kind, task.params["sheet"]["headings"], plan.fields)
            tasks.start_step(session, task, "read", params={"plan": plan.to_params()})
    return redirect(url_for("office_tasks.show", task_id=task_id), 303)


@bp.post("/<uuid:task_id>/choose")
@office_view(Permission.TRANSACTIONS_WRITE)
def choose(task_id: UUID) -> ResponseReturnValue:
    """Say by hand whose lines they are; what cannot be meant is said, the others are kept."""
    numbers, said = request.form.getlist("n"), request.form.getlist("whose")
    messages = []
    with unit_of_work() as session:
        task = _get(session, task_id, lock=True)
        if task.state != "checked" or task.kind != payment_import.KIND:
            raise ConflictError("This task has gone on meanwhile. Look at it again.")
        for number, text in zip(numbers, said, strict=False):
            if not number.isascii() or not number.isdecimal() or len(number) > 9:
                raise NotFoundError("There is no such line to choose for.")
            try:
                refuse_card_number(text, "whose")
                payment_import.choose_client(session, task, int(number), text[:200])
            except InvalidInputError as error:
                line = queries.find_line(session, task.id, int(number))
                messages.append(_("Line %(line)s: %(why)s", line=line, why=refusal(error)))
        if messages:
            return _draw(session, task, messages=messages)
    flash(_("Your choices are kept. Nothing is booked yet."), "success")
    return redirect(url_for("office_payment_imports.show", task_id=task_id), 303)


@bp.post("/<uuid:task_id>/write")
@office_view(Permission.TRANSACTIONS_WRITE)
def write(task_id: UUID) -> ResponseReturnValue:
    """Book what was matched; a second click finds it under way."""
    with unit_of_work() as session:
        task = _get(session, task_id, lock=True)
        if task.state == "draft":
            raise ConflictError("Check the file first.")
        if task.state == "checked":
            tasks.start_step(session, task, "write", params={})
            # what was refused or is booked already is done with
            task.done = task.left_out + task.unchanged
            _record(session, task)
    return redirect(url_for("office_tasks.show", task_id=task_id), 303)


def _get(session: Session, task_id: UUID, *, lock: bool = False) -> Task:
    task = (tasks.lock_task if lock else tasks.get_task)(session, task_id)
    if task.kind not in KINDS:
        raise NotFoundError("Task not found.")
    return task


def _record(session: Session, task: Task) -> None:
    audit.record(
        session,
        reseller_id=current_scope().home_reseller_id,
        action="import",
        object_type="payments" if task.kind == payment_import.KIND else "opening_balances",
        object_id=task.id,
        object_label=task.title,
        changes={
            "rows": (None, task.total),
            "wrong": (None, task.left_out),
            "columns": (None, ", ".join(key for key in task.params["plan"]["fields"] if key)),
        },
    )


def _read_plan(task: Task) -> Plan:
    headings = task.params["sheet"]["headings"]
    sent = request.form.getlist("field")[: len(headings)]
    sent += [""] * (len(headings) - len(sent))
    try:
        account_id = id_or_none(request.form.get("payment_account_id"))
    except ValueError:
        account_id = None
    return Plan(
        fields=tuple(key if key in FIELDS[task.kind] else "" for key in sent),
        date_order=request.form.get("date_order", "ymd"),  # type: ignore[arg-type]  # checked later
        locale=str(get_locale() or "en"),
        timezone=current_viewer().timezone,
        payment_account_id=account_id,
    )


def _draw_upload(messages: Sequence[str] = ()) -> ResponseReturnValue:
    return render(
        "office/payment_imports/upload.html",
        status=422 if messages else 200,
        task_id=new_id(),
        messages=messages,
        kinds=[
            (payment_import.KIND, _("Payments: a bank statement")),
            (opening_import.KIND, _("Opening balances of clients")),
        ],
        kind=request.values.get("kind", payment_import.KIND),
        most_mb=MOST_BYTES // (1024 * 1024),
    )


def _draw(
    session: Session, task: Task, *, plan: Plan | None = None, messages: Sequence[str] = ()
) -> ResponseReturnValue:
    sheet: dict[str, Any] = task.params["sheet"]
    is_payments = task.kind == payment_import.KIND
    accounts = payment_accounts.list_accounts(session, current_scope().home_reseller_id)
    if plan is None and "plan" in task.params:
        plan = plan_of(task.params["plan"])
    if plan is None:
        fields = tuple(guess_fields(session, task.kind, sheet["headings"]))
        plan = Plan(fields, "ymd", "en", current_viewer().timezone, accounts[0].id)
    is_checked = task.state == "checked"
    return render(
        "office/payment_imports/show.html",
        status=422 if messages else 200,
        task=task,
        sheet=sheet,
        plan=plan,
        is_payments=is_payments,
        options=[(key, str(LABELS[key])) for key in FIELDS[task.kind]],
        date_orders=list(zip(DATE_ORDERS, _orders(), strict=True)),
        accounts=[(one.id, one.name) for one in accounts],
        is_checked=is_checked,
        plans=queries.count_plans(session, task.id) if is_checked else {},
        lines=queries.read_lines(session, task) if is_checked else [],
        wrong=queries.read_wrong(session, task) if is_checked else [],
        shown=queries.SHOWN,
        messages=messages,
    )


def _orders() -> list[str]:
    return [
        _("year, month, day: 2026-01-31"),
        _("day, month, year: 31.01.2026"),
        _("month, day, year: 01/31/2026"),
    ]
