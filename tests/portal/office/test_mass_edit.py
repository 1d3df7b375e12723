"""Mass edit: who is meant, what changes for whom, who is left out, and what the task does."""

import re
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from billing import payment_terms
from billing.client_billing import Billing, get_billing
from billing.models import ClientBilling
from core.clock import now
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from payments.auto_payment import AutoPayment, get_auto_payment
from payments.client_wholes import read_wholes
from payments.mass_edit import Wish, read_context
from payments.mass_edit_task import do_piece
from tenants import client_blocks, client_deletion, tasks
from tenants.models import AuditRecord, Role, User
from tenants.models import Client as ClientRow
from tenants.task_models import Task, TaskItem
from tests.factories.cast import Client, Tenant, make_client, make_tenant
from tests.portal.browser import Browser, signed_in
from tests.portal.office.crowd import make_crowd
from tests.portal.office.desk import charge, hidden, invoice, some_days_ago, stored
from tests.portal.office.test_export import work

PREVIEW, CREATE = "/office/mass-edit/preview", "/office/mass-edit/"


def terms_of(tenant: Tenant, name: str = "Weekly") -> int:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        return payment_terms.create_terms(
            session, reseller_id=tenant.id, name=name, every_days=7
        ).id


def wish(**fields: object) -> dict[str, object]:
    return {"task_id": str(new_id()), **fields}


def preview(browser: Browser, fields: dict[str, object]) -> TestResponse:
    return browser.post(PREVIEW, data=fields)


def figures(answer: TestResponse) -> list[int]:
    """Selected, will change, already so, left out."""
    block = answer.text.partition('id="preview-title"')[2].partition("</dl>")[0]
    return [int(one.replace(",", "")) for one in re.findall(r"<dd>([\d,]+)</dd>", block)]


def confirm(browser: Browser, fields: dict[str, object]) -> TestResponse:
    seen = preview(browser, fields)
    assert seen.status_code == 200, seen.text[-3000:]
    sent = {name: hidden(seen, name) for name in ("previewed", "count")}
    return browser.post(CREATE, data={**fields, **sent})


def do(browser: Browser, tenant: Tenant, **fields: object) -> Task:
    """Preview, confirm, and let the worker work to the end."""
    sent = wish(**fields)
    answer = confirm(browser, sent)
    assert answer.status_code == 303, answer.text[-3000:]
    task_id = UUID(str(sent["task_id"]))
    work(tenant, task_id)
    (task,) = stored(tenant, Task, id=task_id)
    return task


def add_up(task: Task) -> bool:
    return task.changed + task.unchanged + task.left_out + task.failed == task.total


def test_last_invoiced_is_set_for_picked_clients_as_on_the_form(as_owner, acme):
    day = now().date() - timedelta(days=40)
    one, two, other = (make_client(acme, f"Client {n}") for n in range(3))
    task = do(as_owner, acme, pick=[one.id, two.id], last_invoiced_on=day.isoformat())
    assert (task.state, task.changed, task.total) == ("done", 2, 2)
    with tenant_scope(acme.scope), unit_of_work() as session:
        assert get_billing(session, one.id).last_invoiced_on == day
        assert get_billing(session, other.id).last_invoiced_on is None
    records = [
        one
        for one in stored(acme, AuditRecord)
        if one.client_id and "last_invoiced_on" in one.changes
    ]
    assert {one.client_id for one in records} == {one.id, two.id}
    assert {one.actor_label for one in records} == {acme.owner_email}


def test_days_that_stand_on_an_invoice_are_never_billed_again(as_owner, acme, invoiced_client):
    client, last_on = invoiced_client
    fields = wish(pick=[client.id], last_invoiced_on=(last_on - timedelta(days=1)).isoformat())
    seen = preview(as_owner, fields)
    assert figures(seen) == [1, 0, 0, 1]
    assert "An invoice covers the days up to" in seen.text
    task = do(as_owner, acme, pick=[client.id], last_invoiced_on=last_on.isoformat())
    assert (task.changed, task.unchanged, task.left_out) == (0, 1, 0)


@pytest.fixture
def invoiced_client(acme: Tenant) -> tuple[Client, date]:
    """A client with an invoice, and the last day that this covers."""
    client = make_client(acme, "Billed Ltd")
    charge(acme, client, "10", dated_at=some_days_ago())
    invoice(acme, client)
    with tenant_scope(acme.scope), unit_of_work() as session:
        last_on = read_wholes(session, [client.id])[client.id].invoiced_on
        assert last_on is not None
        session.execute(
            update(ClientBilling)
            .where(ClientBilling.client_id == client.id)
            .values(last_invoiced_on=last_on)
        )
    return client, last_on


def test_the_preview_says_what_changes_for_whom_and_who_is_left_out_and_why(as_owner, acme):
    make_client(acme, "Dollar Calls", auto=AutoPayment(extra_amount=Decimal(5)))
    make_client(acme, "Euro Calls", currency="EUR")
    make_client(acme, "Ready Calls", auto=AutoPayment(extra_amount=Decimal(20)))
    deleted = make_client(acme, "Gone Calls")
    with tenant_scope(acme.scope), unit_of_work() as session:
        client_deletion.delete_client(session, deleted.id)
    seen = preview(as_owner, wish(all="1", filters="status=any", extra_amount="20", currency="USD"))
    assert figures(seen) == [4, 1, 1, 2]
    assert "The amounts are in USD" in seen.text
    assert "The client is deleted" in seen.text
    assert "5.00 USD → <strong>20.00 USD</strong>" in seen.text
    assert not stored(acme, Task)


def test_each_field_is_written_by_its_own_block(as_owner, acme):
    terms = terms_of(acme)
    client = make_client(acme, "Orbit Calls")
    with tenant_scope(acme.scope), unit_of_work() as session:
        row = session.get(ClientRow, client.id)
        assert row is not None
        client_blocks.save_tags(session, row, ["old", "Kept"])
    task = do(
        as_owner,
        acme,
        pick=[client.id],
        status="stop",
        tag_way="add",
        tags="VIP, kept",
        payment_terms_id=str(terms),
        autoinvoicing="on",
        auto_payment="on",
        currency="USD",
        extra_amount="25",
        notify_client="10",
        threshold="5",
        low_capacity="2",
    )
    assert (task.changed, task.left_out) == (1, 0)
    with tenant_scope(acme.scope), unit_of_work() as session:
        found = read_wholes(session, [client.id])[client.id]
    assert found.general.status == "stop"
    assert found.tags == ("Kept", "VIP", "old")
    assert found.billing.payment_terms_id == terms
    assert found.billing.autoinvoicing
    assert found.billing.last_invoiced_on is not None
    assert found.auto == AutoPayment(True, Decimal(25))
    assert (found.low.notify_client, found.low.threshold, found.low.low_capacity) == (10, 5, 2)
    (billing,) = stored(acme, ClientBilling, client_id=client.id)
    assert billing.next_invoice_at is not None


def test_tags_are_removed_and_replaced(as_owner, acme):
    client = make_client(acme, "Orbit Calls")
    do(as_owner, acme, pick=[client.id], tag_way="replace", tags="a, b, c")
    do(as_owner, acme, pick=[client.id], tag_way="remove", tags="A, x")
    with tenant_scope(acme.scope), unit_of_work() as session:
        assert client_blocks.list_tags(session, client.id) == ["b", "c"]


def test_clients_are_deleted_and_restored_as_they_were(as_owner, acme):
    stopped = make_client(acme, "Stopped Ltd", status="stop", login="stopped")
    do(as_owner, acme, pick=[stopped.id], status="deleted")
    (row,) = stored(acme, ClientRow, id=stopped.id)
    assert row.status == "deleted"
    task = do(as_owner, acme, pick=[stopped.id], status="restore")
    assert task.changed == 1
    (row,) = stored(acme, ClientRow, id=stopped.id)
    assert row.status == "stop"
    with tenant_scope(acme.scope), unit_of_work() as session:
        assert client_blocks.get_panel_login(session, stopped.id).enabled


def test_a_client_takes_all_of_the_wish_or_nothing(as_owner, acme):
    """Autoinvoicing cannot be without terms, so its status stays, too."""
    client = make_client(acme, "Orbit Calls")
    task = do_unpreviewed(acme, [client.id], Wish(status="stop", autoinvoicing=True))
    assert (task.left_out, task.changed) == (1, 0)
    (row,) = stored(acme, ClientRow, id=client.id)
    assert row.status == "active"


def do_unpreviewed(tenant: Tenant, ids: list[int], wanted: Wish) -> Task:
    """The task alone, piece after piece."""
    task_id = new_id()
    with tenant_scope(tenant.scope), unit_of_work() as session:
        task = tasks.create_task(
            session,
            task_id=task_id,
            kind="mass_edit_clients",
            params={"wish": wanted.to_params()},
        )
        tasks.add_clients(session, task, select(ClientRow.id).where(ClientRow.id.in_(ids)))
        read_context(session, wanted)
    work(tenant, task_id)
    (task,) = stored(tenant, Task, id=task_id)
    return task


def test_another_resellers_terms_are_for_its_own_clients(app: Flask, as_owner, acme):
    west = make_tenant("West", "west", parent_id=acme.id)
    terms = terms_of(west)
    mine, theirs = make_client(acme, "Near"), make_client(west, "Far")
    sent = wish(pick=[mine.id, theirs.id], payment_terms_id=str(terms))
    seen = preview(as_owner, sent)
    assert figures(seen) == [2, 1, 0, 1]
    assert "those of another reseller" in seen.text
    task = do(as_owner, acme, pick=[mine.id, theirs.id], payment_terms_id=str(terms))
    assert (task.changed, task.left_out) == (1, 1)
    with tenant_scope(west.scope), unit_of_work() as session:
        assert get_billing(session, theirs.id).payment_terms_id == terms


def test_foreign_clients_and_foreign_terms_do_not_exist(
    as_owner, acme, acme_client, globex, globex_client
):
    seen = preview(as_owner, wish(pick=[acme_client.id, globex_client.id], status="stop"))
    assert figures(seen) == [1, 1, 0, 0]
    foreign = preview(as_owner, wish(pick=[acme_client.id], payment_terms_id=terms_of(globex)))
    assert foreign.status_code == 422
    do(as_owner, acme, pick=[acme_client.id, globex_client.id], status="stop")
    (row,) = stored(globex, ClientRow, id=globex_client.id)
    assert row.status == "active"


def test_a_second_click_makes_one_task(as_owner, acme, acme_client):
    fields = wish(pick=[acme_client.id], status="stop")
    seen = preview(as_owner, fields)
    sent = {**fields, **{name: hidden(seen, name) for name in ("previewed", "count")}}
    answers = [as_owner.post(CREATE, data=sent) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(stored(acme, Task)) == 1
    assert len(stored(acme, TaskItem)) == 1


def test_what_was_not_previewed_is_not_done(as_owner, acme, acme_client):
    fields = wish(pick=[acme_client.id], status="stop")
    seen = preview(as_owner, fields)
    sent = {**fields, **{name: hidden(seen, name) for name in ("previewed", "count")}}
    changed = as_owner.post(CREATE, data={**sent, "status": "deleted"})
    assert changed.status_code == 422
    assert "The form has changed since the preview" in changed.text
    assert as_owner.post(CREATE, data=fields).status_code == 422
    assert not stored(acme, Task)


def test_a_list_that_has_changed_since_is_shown_again(as_owner, acme, acme_client):
    fields = wish(all="1", status="stop")
    seen = preview(as_owner, fields)
    sent = {**fields, **{name: hidden(seen, name) for name in ("previewed", "count")}}
    make_client(acme, "Newcomer")
    answer = as_owner.post(CREATE, data=sent)
    assert answer.status_code == 422
    assert "2 clients match now" in answer.text
    assert not stored(acme, Task)
    assert not stored(acme, TaskItem)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "Choose what to change."),
        ({"tag_way": "add"}, "Enter at least one tag."),
        ({"tag_way": "add", "tags": "x" * 61}, "60 characters"),
        ({"extra_amount": "1e5", "currency": "USD"}, "in digits"),
        ({"extra_amount": "5"}, "currency of the amounts"),
        ({"extra_amount": "1.005", "currency": "USD"}, "decimals"),
        ({"last_invoiced_on": "soon"}, "Not a valid date"),
        ({"status": "exploded"}, "Not a valid choice"),
        ({"low_capacity": "-1", "threshold": "1", "currency": "USD"}, "number of channels"),
    ],
)
def test_what_no_client_could_take_is_told_at_its_field(as_owner, acme_client, fields, told):
    answer = preview(as_owner, wish(pick=[acme_client.id], **fields))
    assert answer.status_code == 422
    assert told in answer.text


def test_who_may_not_write_or_execute_edits_nothing(app: Flask, acme, acme_client, as_viewer):
    fields = wish(pick=[acme_client.id], status="stop")
    for browser in (as_viewer, _without(app, acme, "clients:execute")):
        assert browser.get(f"/office/mass-edit/new?pick={acme_client.id}").status_code == 403
        assert preview(browser, fields).status_code == 403
        assert browser.post(CREATE, data=fields).status_code == 403
        assert 'name="pick"' not in browser.get("/office/clients/").text


def _without(app: Flask, tenant: Tenant, right: str) -> Browser:
    _narrow_role(tenant, right)
    return signed_in(app, "office", tenant.owner_id, tenant.id)


def _narrow_role(tenant: Tenant, right: str) -> None:
    with platform_unit_of_work() as session:
        role = session.scalars(
            select(Role).join(User, User.role_id == Role.id).where(User.id == tenant.owner_id)
        ).one()
        role.permissions = [one for one in role.permissions if one != right]


@pytest.mark.parametrize("how", ["role", "person"])
def test_who_may_no_longer_do_it_does_no_more_of_it(as_owner, acme, acme_client, how):
    fields = wish(pick=[acme_client.id], status="stop")
    confirm(as_owner, fields)
    if how == "role":
        _narrow_role(acme, "clients:write")
    else:
        with platform_unit_of_work() as session:
            user = session.get(User, acme.owner_id)
            assert user is not None
            user.status = "stop"
    work(acme, UUID(str(fields["task_id"])))
    (task,) = stored(acme, Task)
    assert task.state == "failed"
    assert "may no longer do it" in task.problem
    assert add_up(task)
    (row,) = stored(acme, ClientRow, id=acme_client.id)
    assert row.status == "active"


def test_a_cancelled_task_keeps_what_it_did_and_its_counts_add_up(as_owner, acme):
    ids = make_crowd(acme, 60)
    fields = wish(all="1", status="stop")
    confirm(as_owner, fields)
    task_id = UUID(str(fields["task_id"]))
    with tenant_scope(acme.scope):
        with unit_of_work() as session:
            claimed = tasks.claim_task(session, task_id)
            assert claimed is not None
        with unit_of_work() as session:
            task = tasks.resume_task(session, task_id, claimed.lease_token)
            assert task is not None
            assert do_piece(session, task, lambda _done: None)
    assert as_owner.post(f"/office/tasks/{task_id}/cancel").status_code == 303
    with tenant_scope(acme.scope), unit_of_work() as session:
        assert tasks.resume_task(session, task_id, claimed.lease_token) is None
    (task,) = stored(acme, Task)
    assert task.state == "cancelled"
    assert task.changed == 25
    assert task.left_out == len(ids) - 25
    assert add_up(task)
    assert "The task was cancelled before." in as_owner.get(f"/office/tasks/{task_id}").text


def test_the_result_names_every_client_and_what_became_of_it(as_owner, acme):
    one = make_client(acme, "=Formula Ltd")
    two = make_client(acme, "Stopped Ltd", status="stop")
    task = do(as_owner, acme, pick=[one.id, two.id], status="stop")
    text = as_owner.get(f"/office/tasks/{task.id}/result").data.decode("utf-8-sig")
    lines = text.splitlines()
    assert len(lines) == 3
    assert "'=Formula Ltd" in text
    assert "active → stopped" in text
    assert "It is so already." in text


def test_the_list_offers_rows_to_pick_and_all_that_match(as_owner, acme):
    ids = make_crowd(acme, 60)
    shown = as_owner.get("/office/clients/?q=Client").text
    assert f'name="pick" form="bulk" value="{ids[0]}"' in shown
    assert "Mass edit all 60 that match" in shown
    form = as_owner.get("/office/mass-edit/new?all=1&filters=q%3DClient+0001")
    assert "10 clients are selected" in form.text


STATES = st.sampled_from(["active", "stop", "deleted"])
CURRENCIES = st.sampled_from(["USD", "EUR", "JPY"])


@given(
    crowd=st.lists(st.tuples(STATES, CURRENCIES, st.booleans()), min_size=1, max_size=6),
    status=st.sampled_from([None, "active", "stop", "deleted", "restore"]),
    autoinvoicing=st.sampled_from([None, True, False]),
    amount=st.sampled_from([None, Decimal("7"), Decimal("7.25")]),
    strangers=st.integers(0, 2),
)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_changed_unchanged_left_out_and_failed_are_all_that_were_selected(
    acme, globex, crowd, status, autoinvoicing, amount, strangers
):
    terms = _terms_once(acme)
    ids: list[int] = []
    of_state: dict[str, list[int]] = {}
    for state, currency, has_terms in crowd:
        billing = Billing(payment_terms_id=terms if has_terms else None)
        client = make_client(acme, "Somebody", currency=currency, billing=billing)
        ids.append(client.id)
        of_state.setdefault(state, []).append(client.id)
    for state in of_state.keys() - {"active"}:
        made_so = do_unpreviewed(acme, of_state[state], Wish(status=state))
        assert made_so.changed == len(of_state[state])
    wanted = Wish(
        status=status,
        autoinvoicing=autoinvoicing,
        extra_amount=amount,
        currency="USD" if amount is not None else "",
    )
    others = [make_client(globex, "Stranger").id for _ in range(strangers)]
    task = do_unpreviewed(acme, [*ids, *others], wanted)
    assert task.state == "done"
    assert task.total == task.done == len(ids)
    assert add_up(task)
    assert task.failed == 0
    again = do_unpreviewed(acme, ids, wanted)
    # what was changed is so already; what was left out may only be left out again
    assert again.changed == 0
    assert again.left_out == task.left_out
    assert {row.status for row in stored(globex, ClientRow)} <= {"active"}


def _terms_once(tenant: Tenant) -> int:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        found = payment_terms.list_terms(session, tenant.id)
        if found:
            return found[0].id
    return terms_of(tenant)


def test_auto_payment_switched_on_by_many_is_the_block_of_the_form(as_owner, acme, acme_client):
    do(as_owner, acme, pick=[acme_client.id], auto_payment="on")
    with tenant_scope(acme.scope), unit_of_work() as session:
        assert get_auto_payment(session, acme_client.id).enabled


@pytest.mark.parametrize(
    ("right", "field", "value"),
    [
        ("invoices:write", "last_invoiced_on", "2026-01-31"),
        ("invoices:write", "autoinvoicing", "off"),
        ("transactions:write", "payment_terms_id", "none"),
        ("payments:execute", "auto_payment", "on"),
    ],
)
def test_a_block_that_the_role_may_not_write_is_neither_shown_nor_written(
    app: Flask, acme, acme_client, right, field, value
):
    browser = _without(app, acme, right)
    shown = browser.get(f"/office/mass-edit/new?pick={acme_client.id}").text
    assert f'name="{field}"' not in shown
    assert 'name="template_id"' not in shown
    assert 'name="status"' in shown
    answer = preview(browser, wish(pick=[acme_client.id], **{field: value}))
    assert answer.status_code == 422
    assert "Choose what to change." in answer.text


def test_a_right_lost_on_the_way_ends_the_task(as_owner, acme, acme_client):
    fields = wish(pick=[acme_client.id], auto_payment="on")
    confirm(as_owner, fields)
    _narrow_role(acme, "payments:execute")
    work(acme, UUID(str(fields["task_id"])))
    (task,) = stored(acme, Task)
    assert task.state == "failed"
    with tenant_scope(acme.scope), unit_of_work() as session:
        assert not get_auto_payment(session, acme_client.id).enabled
