"""One client of the demo: its blocks, six months of charges and payments, its invoices."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from billing import autoinvoicing, client_billing, ledger, transactions
from billing.client_billing import Billing
from core.clock import now
from core.db import Session
from core.money import minor_amount
from core.uow import unit_of_work
from payments import auto_payment
from payments.auto_payment import AutoPayment
from portal.demo import client_packages, client_papers, names
from portal.demo.plan import PASSWORD, ClientPlan, ResellerPlan, demo_id
from tenants import client_blocks, clients
from tenants.client_blocks import Company, PanelLogin
from tenants.clients import General
from tenants.models import Client

MONTHS = 6
_CHARGES = {"settled": 8, "behind": 8, "prepaid": 6}


@dataclass(frozen=True, slots=True)
class Setup:
    """What a reseller's clients refer to."""

    reseller_id: int
    terms: Mapping[str, int]
    tax_profile_id: int
    payment_account_ids: tuple[int, ...]
    package_ids: Mapping[str, int]


def fill_client(reseller: ResellerPlan, setup: Setup, plan: ClientPlan) -> int:
    """Make the client with all its history in one transaction; its id, also when it was there."""
    with unit_of_work() as session:
        known = clients.find_by_request(session, demo_id(reseller.code, plan.number))
        if known is not None:
            return known.id
        client = _create(session, reseller, setup, plan)
        if plan.mood != "empty":
            _charge(session, reseller, plan, client)
            if plan.postpaid:
                _subscribe(session, reseller, setup, plan, client)
            if plan.number % 2 == 0:
                batch_id = demo_id(reseller.code, plan.number, "usage")
                owner = (setup.reseller_id, client.id)
                client_packages.use(session, reseller, plan, owner, batch_id)
            if plan.terms is not None:
                invoices = autoinvoicing.run_client(session, client.id)
                client_papers.credit(session, reseller, plan, invoices)
            client_papers.receive(session, reseller, plan, client.id)
            _pay(session, reseller, setup, plan, client)
            if not plan.postpaid and plan.number % 3 == 0:
                _subscribe(session, reseller, setup, plan, client)
        if plan.status != "active":
            clients.update_client(
                session,
                client.id,
                version=client.version,
                general=General(client.name, client.currency, client.timezone, plan.status),
            )
        return client.id


def _create(session: Session, reseller: ResellerPlan, setup: Setup, plan: ClientPlan) -> Client:
    client = clients.create_client(
        session,
        request_id=demo_id(reseller.code, plan.number),
        reseller_id=setup.reseller_id,
        general=General(plan.name, reseller.currency, reseller.timezone),
    )
    client_blocks.save_company(
        session,
        client,
        Company(
            company_name=plan.name,
            main_email=f"hello-{plan.number}@{reseller.code}-client.example",
            billing_email=plan.billing_email,
            address=reseller.address.replace("200", str(11 + plan.number)),
            zip_code="02110" if reseller.currency == "USD" else "",
            tax_id="" if plan.number % 3 else f"{reseller.tax_id[:-2]}{plan.number:02d}",
        ),
    )
    client_blocks.save_panel_login(
        session, client, PanelLogin(bool(plan.login), plan.login, PASSWORD if plan.login else "")
    )
    client_blocks.save_tags(session, client, plan.tags)
    client_billing.save_billing(
        session,
        client,
        Billing(
            postpaid=plan.postpaid,
            credit=plan.credit * reseller.price_level.to_integral_value(),
            payment_terms_id=None if plan.terms is None else setup.terms[plan.terms],
            tax_profile_id=setup.tax_profile_id,
            autoinvoicing=plan.terms is not None,
            last_invoiced_on=None if plan.terms is None else _first_day() - timedelta(days=1),
        ),
    )
    auto_payment.save_auto_payment(
        session,
        client,
        AutoPayment(
            enabled=plan.auto_payment,
            extra_amount=minor_amount(Decimal(20) * reseller.price_level, reseller.currency),
            month_cap=minor_amount(Decimal(2000) * reseller.price_level, reseller.currency),
        ),
    )
    return client


def _charge(session: Session, reseller: ResellerPlan, plan: ClientPlan, client: Client) -> None:
    dice = Random(f"{reseller.code}:{plan.seed}:charges")  # noqa: S311 (variety, not a secret)
    package, fee = dice.choice(names.PACKAGES)
    for number, day in enumerate(_days(_CHARGES[plan.mood], dice)):
        if number % 3 == 0:
            kind: transactions.ChargeKind = "package_fee"
            text, price, quantity = package, Decimal(fee), dice.randint(1, 6)
        elif number % 7 == 5:
            text, extra = dice.choice(names.EXTRAS)
            kind, price, quantity = "extra_charge", Decimal(extra), 1
        else:
            text, rate = dice.choice(names.SERVICES)
            kind, price, quantity = "services_charge", Decimal(rate), dice.randint(300, 9000)
        transactions.create_charge(
            session,
            transaction_id=demo_id(reseller.code, plan.number, "charge", number),
            client_id=client.id,
            amount=(price * quantity * reseller.price_level).quantize(Decimal("0.0001")),
            kind=kind,
            dated_at=day,
            description=text,
            quantity=Decimal(quantity),
        )


def _subscribe(
    session: Session, reseller: ResellerPlan, setup: Setup, plan: ClientPlan, client: Client
) -> None:
    """Postpaid clients for some weeks already, the others from today on."""
    day = now().date() - timedelta(days=35 if plan.postpaid else 0)
    client_packages.subscribe(
        session,
        setup.package_ids,
        plan,
        client.id,
        demo_id(reseller.code, plan.number, "subscription"),
        day,
    )


def _pay(
    session: Session, reseller: ResellerPlan, setup: Setup, plan: ClientPlan, client: Client
) -> None:
    dice = Random(f"{reseller.code}:{plan.seed}:payments")  # noqa: S311 (variety, not a secret)
    owed = -ledger.get_balance(session, client.id).live
    share = {"settled": Decimal("0.97"), "prepaid": Decimal("1.06"), "behind": Decimal("0.55")}
    wanted = max(owed, Decimal(0)) * share[plan.mood]
    if plan.auto_payment:
        wanted = owed * Decimal("0.9")  # left in debt: the worker charges the card by itself
    parts = 5 if plan.mood == "prepaid" else 4
    for number, day in enumerate(_days(parts, dice)):
        amount = minor_amount(wanted / parts, reseller.currency)
        if amount <= 0:
            return
        transactions.create_payment(
            session,
            transaction_id=demo_id(reseller.code, plan.number, "payment", number),
            client_id=client.id,
            amount=amount,
            payment_account_id=setup.payment_account_ids[dice.randrange(2)],
            dated_at=day + timedelta(days=2),
            description=dice.choice(("Bank transfer", "Wire", "Cheque", "Transfer, thank you")),
        )
    if plan.number % 15 == 7:
        transactions.create_payment(
            session,
            transaction_id=demo_id(reseller.code, plan.number, "pending"),
            client_id=client.id,
            amount=minor_amount(wanted / 10 + 1, reseller.currency),
            payment_account_id=setup.payment_account_ids[2],
            description="Announced by phone",
            status="pending",
        )
    if plan.number % 12 == 4:
        transactions.reverse(
            session,
            demo_id(reseller.code, plan.number, "charge", 5),
            reversal_id=demo_id(reseller.code, plan.number, "reversal"),
            reason="Charged by mistake, agreed with the client",
        )


def _first_day() -> date:
    today = now().date()
    month = today.month - MONTHS
    year = today.year + (month - 1) // 12
    return date(year, (month - 1) % 12 + 1, 1)


def _days(count: int, dice: Random) -> Iterator[datetime]:
    """`count` moments of working hours, in order, from the first day until the day before now."""
    first = datetime.combine(_first_day(), time(9), UTC)
    last = now() - timedelta(days=3)
    step = (last - first) / count
    for number in range(count):
        moment = first + step * number + step * dice.random() * 0.8
        yield moment.replace(minute=dice.randrange(60), second=0, microsecond=0)
