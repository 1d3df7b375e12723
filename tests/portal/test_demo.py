"""The demo: what stands in it, that it can be looked at, that filling can be repeated and ended."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import func, select

from billing import client_billing, ledger_check
from billing.correction_models import CreditNote
from billing.invoice_models import Invoice
from billing.models import ClientBalance, LedgerCheck, Transaction
from billing.voucher_models import Voucher, VoucherRedemption, VoucherSeries, VoucherSheet
from core.config import Settings
from core.errors import ConflictError, TemporaryError
from core.platform_uow import platform_unit_of_work
from core.tenancy import Scope, tenant_scope
from core.uow import unit_of_work
from mail.models import MailMessage
from payments import auto_payment, charging, saved_cards
from payments.gateway_accounts import open_gateway
from payments.models import Refill, SavedCard
from payments.refund_models import Refund
from portal.cli import main
from portal.demo.client_cards import GIVEN_BACK
from portal.demo.fill import MARKER, fill
from portal.demo.plan import RESELLERS, ClientPlan, ResellerPlan, demo_id, plan_clients
from tenants import client_blocks, sign_up_rules
from tenants.models import AuditRecord, Client, PlatformUser, Reseller, Role, User
from tenants.sign_up_models import SignUp
from tests.conftest import settings_environment
from tests.portal.browser import open_browser, sign_in, sign_in_client
from tests.sandbox.authorizenet_server import RunningSandbox, running_sandbox

ROOT = Path(__file__).resolve().parents[2]
# every mood, status and kind of card of the plan, in few clients
CHOSEN = {0, 1, 2, 3, 5, 7, 17, 19, 41, 48}
STATES = {"active", "stop", "deleted"}


def chosen_clients(plan: ResellerPlan) -> list[ClientPlan]:
    return [client for client in plan_clients(plan) if client.number in CHOSEN]


def two_clients(plan: ResellerPlan) -> list[ClientPlan]:
    return plan_clients(plan)[:2]


def demo_settings(settings: Settings, sandbox: RunningSandbox, var_dir: Path) -> Settings:
    return settings.model_copy(
        update={
            "sandbox_urls": f"authorizenet={sandbox.hosted_url}",
            "authorizenet_test_api_url": sandbox.api_url,
            "authorizenet_test_hosted_url": sandbox.hosted_url,
            "var_dir": var_dir,
        }
    )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def demo(
    settings: Settings,
    sandbox: RunningSandbox,
    _empty_tables: Callable[[], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Settings]:
    """The demo with few clients, filled once for the tests that only look."""
    _empty_tables()
    made = demo_settings(settings, sandbox, tmp_path_factory.mktemp("var"))
    fill(made, clients_of=chosen_clients)
    yield made
    _empty_tables()


@pytest.fixture
def portal(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """Run a command; answers click's result."""
    # pytest reads the handlers of the root logger; the command line would put its own in place
    monkeypatch.setattr("portal.cli.configure_logging", lambda level: None)

    def run(*arguments: str, var_dir: Path):
        return CliRunner().invoke(main, list(arguments), env={"VAR_DIR": str(var_dir)})

    return run


def list_resellers() -> dict[str, Reseller]:
    with platform_unit_of_work() as session:
        return {one.code: one for one in session.scalars(select(Reseller))}


def list_facts() -> list[tuple[Any, ...]]:
    """Everything of the demo that a second run could change."""
    counted = [
        select(func.count()).select_from(table)
        for table in (
            Transaction, Invoice, Refill, SavedCard, MailMessage, User, Role, PlatformUser,
            AuditRecord, CreditNote, Refund, SignUp, VoucherRedemption,
        )
    ]  # fmt: skip
    with platform_unit_of_work() as session:
        balances = session.execute(
            select(
                Reseller.code,
                Client.name,
                Client.status,
                ClientBalance.live,
                ClientBalance.fixed,
                ClientBalance.available_micros,
                ClientBalance.postpaid,
            )
            .join(Client, Client.reseller_id == Reseller.id)
            .join(ClientBalance, ClientBalance.client_id == Client.id)
            .order_by(Reseller.code, Client.name)
        ).all()
        return [*map(tuple, balances), tuple(session.scalar(query) for query in counted)]


def test_the_plan_has_sixty_clients_of_each_reseller_in_all_states():
    by_code = {plan.code: plan_clients(plan) for plan in RESELLERS}
    for code in ("northwind", "mirador"):
        clients = by_code[code]
        assert len(clients) == len({client.name for client in clients}) == 60
        assert {client.status for client in clients} == STATES
        assert {client.mood for client in clients} == {"settled", "behind", "prepaid", "empty"}
        assert {client.postpaid for client in clients} == {True, False}
        assert {client.auto_payment for client in clients} == {True, False}
        assert {client.terms for client in clients} == {None, "monthly", "fortnight"}
        assert any(client.credit < 0 for client in clients)


def test_the_few_clients_of_these_tests_stand_for_all_of_the_plan():
    for plan in RESELLERS:
        if plan.parent is None:
            whole, few = plan_clients(plan), chosen_clients(plan)
            for name in ("mood", "status", "postpaid", "terms", "card_zip", "auto_payment"):
                assert {getattr(one, name) for one in few} == {getattr(one, name) for one in whole}
    fates = {fate for plan in RESELLERS for one in chosen_clients(plan) for fate in one.sells}
    assert fates == {"paid", "accepted", "to_verify", "void"}


def test_two_resellers_and_one_beneath_in_another_currency_and_zone(demo: Settings):
    found = list_resellers()
    assert set(found) == {"northwind", "northwind-pacific", "mirador"}
    parent, child = found["northwind"], found["northwind-pacific"]
    assert child.parent_id == parent.id
    assert found["mirador"].parent_id is None
    assert (parent.currency, parent.timezone) == ("USD", "America/New_York")
    assert (child.currency, child.timezone) == ("JPY", "Asia/Tokyo")


def test_clients_stand_in_all_states_with_payments_invoices_cards_and_refills(demo: Settings):
    with platform_unit_of_work() as session:
        states = Counter(session.scalars(select(Client.status)))
        kinds = Counter(map(tuple, session.execute(select(Transaction.kind, Transaction.status))))
        cards = session.scalar(select(func.count()).select_from(SavedCard))
        refills = Counter(session.scalars(select(Refill.state)))
    assert set(states) == STATES
    assert {kind for kind, _ in kinds} >= {
        "payment", "services_charge", "package_fee", "extra_charge",
    }  # fmt: skip
    assert kinds["payment", "pending"] > 0
    assert cards == 3 * 6  # of the chosen ones, those with a number below 8
    assert set(refills) == {"requested"}


def test_the_books_of_each_reseller_are_right(demo: Settings):
    for code, reseller in list_resellers().items():
        with platform_unit_of_work() as session:
            result = ledger_check.check_ledger(session, reseller.id)
            # the first one is of the fill itself: nobody has to wait for the daily one to see it
            checks = session.scalars(
                select(LedgerCheck.ok).where(LedgerCheck.reseller_id == reseller.id)
            ).all()
        assert (code, result.findings) == (code, {})
        assert result.entries > 50
        assert len(checks) >= 2
        assert all(checks)


def test_invoices_are_numbered_without_a_gap(demo: Settings):
    with platform_unit_of_work() as session:
        rows = session.execute(
            select(Invoice.reseller_id, Invoice.running_number)
            .where(Invoice.direction == "outgoing")
            .order_by(Invoice.running_number)
        ).all()
    for reseller in list_resellers().values():
        numbers = [number for reseller_id, number in rows if reseller_id == reseller.id]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) > 5


def test_invoices_came_from_those_that_sell_to_us_and_too_much_was_credited(demo: Settings):
    with platform_unit_of_work() as session:
        incoming = Counter(
            (one.state, one.paid == one.total)
            for one in session.scalars(select(Invoice).where(Invoice.direction == "incoming"))
        )
        credited = session.scalars(
            select(Invoice.credited).join(CreditNote, CreditNote.invoice_id == Invoice.id)
        ).all()
    assert incoming == {
        ("normal", True): 2,
        ("normal", False): 2,
        ("to_verify", False): 1,
        ("void", False): 1,
    }
    assert len(credited) == 3
    assert all(credited)


def test_vouchers_are_redeemed_and_can_be_and_a_stranger_waits(demo: Settings):
    northwind = list_resellers()["northwind"]
    with tenant_scope(Scope((northwind.id,))), unit_of_work() as session:
        states = Counter(session.scalars(select(Voucher.state)))
        series = session.scalars(select(VoucherSeries)).one()
        # its PINs stay for whoever looks at the demo
        assert session.scalar(select(func.count()).select_from(VoucherSheet)) == 1
        assert series.pins_taken_at is None
        assert sign_up_rules.read_rules(session, northwind.id).mode == "approval"
        waiting = session.scalars(select(SignUp)).one()
    assert states == {"redeemed": 3, "active": 16, "blocked": 1}
    assert (waiting.state, waiting.problem) == ("waiting", "")


def test_a_card_payment_that_was_charged_meanwhile_goes_back_once(demo: Settings):
    charged = []
    for plan in RESELLERS:
        reseller = list_resellers()[plan.code]
        with tenant_scope(Scope((reseller.id,))):
            refill_id = demo_id(plan.code, GIVEN_BACK, "refill")
            charging.charge_refill(unit_of_work, partial(open_gateway, settings=demo), refill_id)
            charged.append(refill_id)
    for _fill in range(2):
        (demo.var_dir / MARKER).unlink()
        fill(demo, clients_of=two_clients)
        with platform_unit_of_work() as session:
            refunds = session.scalars(select(Refund)).all()
            assert {(one.refill_id, one.kind) for one in refunds} == {
                (refill_id, "void") for refill_id in charged
            }


def test_every_block_of_every_client_can_be_read(demo: Settings):
    for reseller in list_resellers().values():
        with tenant_scope(Scope((reseller.id,))), unit_of_work() as session:
            for client in session.scalars(select(Client)).all():
                assert client_blocks.get_company(session, client.id).company_name == client.name
                login = client_blocks.get_panel_login(session, client.id)
                assert login.enabled == bool(login.login)
                assert client_blocks.list_tags(session, client.id) is not None
                billing = client_billing.get_billing(session, client.id)
                assert billing.autoinvoicing == (billing.payment_terms_id is not None)
                auto = auto_payment.get_auto_payment(session, client.id)
                if auto.enabled:
                    assert saved_cards.list_cards(session, client.id)


def test_every_sign_in_that_is_printed_opens_its_area(demo: Settings, portal, app: Flask):
    printed = json.loads(portal("demo", "--json", var_dir=demo.var_dir).output)
    areas = Counter(login["area"] for login in printed["logins"])
    assert areas == {"platform": 2, "office": 9, "panel": 8}
    for login in printed["logins"]:
        browser = open_browser(app)
        is_panel = login["area"] == "panel"
        door, page = (sign_in_client, "/clients/account") if is_panel else (sign_in, "/account")
        answer = door(browser, login["user"], login["password"])
        assert answer.status_code == 303, login
        shown = browser.get(page)
        assert shown.status_code == 200, login
        assert login["reseller"] is None or login["reseller"] in shown.text


def test_a_second_fill_changes_nothing(demo: Settings):
    before = list_facts()
    fill(demo, clients_of=chosen_clients)
    assert list_facts() == before
    # without its marker each step is really done again
    (demo.var_dir / MARKER).unlink()
    fill(demo, clients_of=chosen_clients)
    assert list_facts() == before
    assert (demo.var_dir / MARKER).exists()


@pytest.fixture
def empty(_empty_tables: Callable[[], None]) -> Callable[[], None]:
    """Empties the database whenever it is called."""
    return _empty_tables


@pytest.fixture
def straight(
    settings: Settings, sandbox: RunningSandbox, clean_database: None, tmp_path: Path
) -> list[tuple[Any, ...]]:
    """What a fill without a fault makes of two clients each; the database is empty after it."""
    fill(demo_settings(settings, sandbox, tmp_path / "straight"), clients_of=two_clients)
    return list_facts()


def test_a_fill_whose_gateway_went_away_is_finished_by_the_next(
    straight, settings: Settings, empty: Callable[[], None], tmp_path: Path
):
    empty()
    with running_sandbox() as sandbox:
        made = demo_settings(settings, sandbox, tmp_path / "var")

        def lose_gateway(plan: ResellerPlan) -> Iterable[ClientPlan]:
            first, second = two_clients(plan)
            yield first
            sandbox.stop()
            yield second

        with pytest.raises((requests.ConnectionError, TemporaryError)):
            fill(made, clients_of=lose_gateway)
        assert not (made.var_dir / MARKER).exists()
        assert 0 < len(list_facts()) < len(straight)
        sandbox.start()
        fill(made, clients_of=two_clients)
    assert list_facts() == straight


def test_a_fill_that_was_killed_is_finished_by_the_next(
    settings: Settings,
    postgres,
    redis_server,
    clean_database: None,
    tmp_path: Path,
):
    with running_sandbox() as sandbox:
        made = demo_settings(settings, sandbox, tmp_path)
        environment = settings_environment(
            postgres,
            redis_server.url,
            VAR_DIR=str(tmp_path),
            SANDBOX_URLS=made.sandbox_urls,
            AUTHORIZENET_TEST_API_URL=sandbox.api_url,
            AUTHORIZENET_TEST_HOSTED_URL=sandbox.hosted_url,
        )
        filling = subprocess.Popen(
            [sys.executable, "-m", "portal.cli", "demo", "--fill"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while len(list_facts()) < 2:  # the first client, and the counts
            assert filling.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        filling.send_signal(signal.SIGKILL)
        filling.wait()
        assert not (tmp_path / MARKER).exists()
        fill(made, clients_of=two_clients)
        for reseller in list_resellers().values():
            with platform_unit_of_work() as session:
                assert ledger_check.check_ledger(session, reseller.id).ok
        names = {(code, name) for code, name, *_ in list_facts()[:-1]}
        wanted = {(one.code, two.name) for one in RESELLERS for two in two_clients(one)}
        assert names >= wanted


def test_a_database_with_other_tenants_is_left_alone(
    settings: Settings, sandbox: RunningSandbox, acme, tmp_path: Path
):
    with pytest.raises(ConflictError, match="other resellers"):
        fill(demo_settings(settings, sandbox, tmp_path), clients_of=two_clients)
    assert set(list_resellers()) == {"acme"}
