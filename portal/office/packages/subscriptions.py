"""Subscriptions: assigned, looked at with their formulas, ended, changed for another package."""

from uuid import UUID

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing import packages, plan_changes, subscription_endings, subscriptions
from billing.package_models import Subscription
from billing.plan_changes import Difference
from core.clock import today
from core.db import Session
from core.errors import AppError, ConflictError, InvalidInputError, LimitError
from core.ids import new_id
from core.uow import unit_of_work
from core.zones import get_zone
from portal.access import current_viewer, office_view
from portal.fields import put_error
from portal.htmx import hx, render
from portal.office.form_ids import read_form_id
from portal.office.packages import queries
from portal.office.packages.blueprint import bp
from portal.office.packages.forms import ChangeForm, EndForm, SubscribeForm
from portal.office.saved import saved
from portal.wording import refusal
from tenants.clients import get_client
from tenants.models import Client
from tenants.permissions import Permission

CHANGED = "clients-changed"


@bp.get("/subscribe/<int:client_id>")
@office_view(Permission.PACKAGES_WRITE)
def subscribe(client_id: int) -> ResponseReturnValue:
    """Which package, how many, from when."""
    with unit_of_work() as session:
        client = get_client(session, client_id)
        form = SubscribeForm()
        _offer(session, form, client)
    return _draw_subscribe(client, form, new_id())


@bp.post("/subscribe/<int:client_id>")
@office_view(Permission.PACKAGES_WRITE)
def create_subscription(client_id: int) -> ResponseReturnValue:
    """The same drawn form sent twice subscribes once."""
    subscription_id = read_form_id("subscription_id")
    form = SubscribeForm(request.form)
    with unit_of_work() as session:
        client = get_client(session, client_id)
        _offer(session, form, client)
    if not form.validate():
        return _draw_subscribe(client, form, subscription_id, status=422)
    try:
        with unit_of_work() as session:
            made = subscriptions.create_subscription(
                session,
                subscription_id=subscription_id,
                client_id=client_id,
                package_id=form.package_id.data,
                starts_on=form.starts_on.data,
                quantity=form.quantity.data or 0,
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw_subscribe(client, form, subscription_id, status=422)
    return _done(client_id, _told(made))


@bp.get("/subscriptions/<uuid:subscription_id>")
@office_view(Permission.PACKAGES_READ)
def show(subscription_id: UUID) -> ResponseReturnValue:
    """Every period with its formula, and what was used of its units."""
    with unit_of_work() as session:
        page = queries.read_subscription(session, subscription_id)
    return render(
        "office/packages/show.html",
        page=page,
        may_write=current_viewer().may(Permission.PACKAGES_WRITE),
        sees_money=current_viewer().may(Permission.TRANSACTIONS_READ),
    )


@bp.get("/subscriptions/<uuid:subscription_id>/end")
@office_view(Permission.PACKAGES_WRITE)
def end(subscription_id: UUID) -> ResponseReturnValue:
    """When, and what would be given back."""
    return _draw_end(subscription_id, EndForm())


@bp.post("/subscriptions/<uuid:subscription_id>/end")
@office_view(Permission.PACKAGES_WRITE)
def do_end(subscription_id: UUID) -> ResponseReturnValue:
    form = EndForm(request.form)
    if not form.validate():
        return _draw_end(subscription_id, form, status=422)
    steps = {
        "stop_at_end": subscription_endings.stop_at_end,
        "stop_now": subscription_endings.stop_now,
        "cancel": subscription_endings.cancel,
    }
    try:
        with unit_of_work() as session:
            ended = steps[form.how.data](session, subscription_id, version=_version())
    except ConflictError as error:
        return _draw_end(subscription_id, form, status=409, messages=[refusal(error)])
    return _done(ended.client_id, _("%(name)s is ended.", name=ended.package_name))


@bp.post("/subscriptions/<uuid:subscription_id>/resume")
@office_view(Permission.PACKAGES_WRITE)
def resume(subscription_id: UUID) -> ResponseReturnValue:
    """It renews again."""
    with unit_of_work() as session:
        one = subscription_endings.resume(session, subscription_id, version=_version())
    return _done(one.client_id, _("%(name)s renews again.", name=one.package_name))


@bp.get("/subscriptions/<uuid:subscription_id>/change")
@office_view(Permission.PACKAGES_WRITE)
def change(subscription_id: UUID) -> ResponseReturnValue:
    """Another package or quantity from today on; with `package_id` its difference."""
    form = ChangeForm(request.args)
    return _draw_change(subscription_id, form, new_id(), asked="package_id" in request.args)


@bp.post("/subscriptions/<uuid:subscription_id>/change")
@office_view(Permission.PACKAGES_WRITE)
def do_change(subscription_id: UUID) -> ResponseReturnValue:
    """Change it as previewed; the same drawn form sent twice changes once."""
    made_id = read_form_id("subscription_id")
    form = ChangeForm(request.form)
    with unit_of_work() as session:
        one, _client = _read(session, subscription_id)
        _offer_change(session, form, one)
    if not form.validate():
        return _draw_change(subscription_id, form, made_id, status=422)
    try:
        with unit_of_work() as session:
            made = plan_changes.change_package(
                session,
                subscription_id,
                new_id=made_id,
                version=_version(),
                package_id=form.package_id.data,
                quantity=form.quantity.data or 0,
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw_change(subscription_id, form, made_id, status=422)
    except (ConflictError, LimitError) as error:
        return _draw_change(subscription_id, form, made_id, status=409, messages=[refusal(error)])
    return _done(made.client_id, _told(made))


def _version() -> int:
    return request.form.get("version", 0, type=int)


def _read(session: Session, subscription_id: UUID) -> tuple[Subscription, Client]:
    page = queries.read_subscription(session, subscription_id)
    return page.subscription, get_client(session, page.subscription.client_id)


def _offer(session: Session, form: SubscribeForm, client: Client) -> None:
    offered = packages.list_offered(session, client.reseller_id, client.currency)
    form.offer([(one.id, one.name) for one in offered], first=today(get_zone(client.timezone)))


def _offer_change(session: Session, form: ChangeForm, one: Subscription) -> None:
    offered = packages.list_offered(session, one.reseller_id, one.currency)
    form.offer([(package.id, package.name) for package in offered])


def _told(made: Subscription) -> str:
    if made.status == "active":
        return str(_("%(name)s has begun.", name=made.package_name))
    if made.waits_for_money:
        return str(_("%(name)s waits until Available covers it.", name=made.package_name))
    return str(_("%(name)s begins on its first day.", name=made.package_name))


def _done(client_id: int, text: str) -> Response:
    return saved(
        text, changed=CHANGED, address=url_for("office_clients.packages", client_id=client_id)
    )


def _draw_subscribe(
    client: Client, form: SubscribeForm, subscription_id: UUID, *, status: int = 200
) -> Response:
    page = render(
        "office/packages/subscribe.html",
        "office/packages/_subscribe.html",
        status=status,
        client=client,
        form=form,
        subscription_id=subscription_id,
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _draw_end(
    subscription_id: UUID,
    form: EndForm,
    *,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    with unit_of_work() as session:
        page = queries.read_subscription(session, subscription_id)
        unused = None
        if page.subscription.status == "active":
            unused = subscription_endings.quote_end(session, page.subscription)
    drawn = render(
        "office/packages/end.html",
        "office/packages/_end.html",
        status=status,
        page=page,
        one=page.subscription,
        unused=unused,
        form=form,
        messages=messages or [],
    )
    return hx(drawn, trigger={"dialog:open": {}}) if status == 200 else drawn


def _draw_change(
    subscription_id: UUID,
    form: ChangeForm,
    made_id: UUID,
    *,
    asked: bool = True,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    told = list(messages or [])
    difference: Difference | None = None
    with unit_of_work() as session:
        one, client = _read(session, subscription_id)
        _offer_change(session, form, one)
        if not asked:
            form.quantity.data = one.quantity
        elif form.validate():
            try:
                difference = plan_changes.preview_change(
                    session,
                    subscription_id,
                    package_id=form.package_id.data,
                    quantity=form.quantity.data or 0,
                )
            except AppError as error:
                told += [] if status != 200 else [refusal(error)]
    page = render(
        "office/packages/change.html",
        "office/packages/_change.html",
        status=status,
        client=client,
        one=one,
        form=form,
        made_id=made_id,
        difference=difference,
        messages=told,
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
