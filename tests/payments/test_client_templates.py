"""Client templates: what is said is copied once, the rest stays; deleting leaves clients be."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from sqlalchemy import select

from billing import client_billing, low_balance, payment_terms, tax_profiles
from billing.client_billing import Billing
from billing.low_balance import LowBalance
from billing.template_billing import TemplateBilling
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from payments import auto_payment, client_templates
from payments.auto_payment import AutoPayment
from payments.client_templates import TemplateAutoPayment, TemplateValues, apply_template
from tenants import client_blocks
from tenants import client_templates as base
from tenants.client_templates import StaleTemplateError, TemplateGeneral
from tenants.clients import StaleVersionError, get_client
from tenants.models import AuditRecord, ClientTemplate
from tests.factories.cast import Client, Tenant, make_client, make_tenant


@pytest.fixture
def acme(clean_database: None) -> Tenant:
    return make_tenant("Acme", "acme")


@pytest.fixture
def orbit(acme: Tenant) -> Client:
    return make_client(
        acme,
        "Orbit Calls",
        billing=Billing(credit=Decimal(5)),
        auto=AutoPayment(extra_amount=Decimal(7)),
    )


@contextmanager
def work(tenant: Tenant) -> Iterator[Session]:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        yield session


def make(
    tenant: Tenant,
    name: str = "Wholesale",
    *,
    billing: TemplateBilling | None = None,
    auto: TemplateAutoPayment | None = None,
    **general: object,
) -> int:
    with work(tenant) as session:
        return client_templates.create_template(
            session,
            request_id=new_id(),
            reseller_id=tenant.id,
            values=TemplateValues(
                TemplateGeneral(name, **general),  # type: ignore[arg-type]
                billing or TemplateBilling(),
                auto or TemplateAutoPayment(),
            ),
        ).id


def test_what_the_template_says_is_copied_and_the_rest_stays(acme: Tenant, orbit: Client) -> None:
    with work(acme) as session:
        terms = payment_terms.create_terms(
            session, reseller_id=acme.id, name="Monthly", day_of_month=1
        )
        client_blocks.save_tags(session, get_client(session, orbit.id), ["vip"])
    template_id = make(
        acme,
        currency="EUR",
        role="both",
        tags=("Wholesale", "VIP"),
        billing=TemplateBilling(
            payment_terms_id=terms.id, autoinvoicing=True, notify_client=Decimal(20)
        ),
        auto=TemplateAutoPayment(enabled=True),
    )

    with work(acme) as session:
        client = apply_template(session, orbit.id, template_id)
        assert (client.currency, client.timezone) == ("EUR", "America/New_York")
        assert (client.is_originator, client.is_terminator) == (True, True)
        assert (client.template_id, client.version) == (template_id, 2)
        assert client_blocks.list_tags(session, orbit.id) == ["Wholesale", "vip"]
        billing = client_billing.get_billing(session, orbit.id)
        assert (billing.credit, billing.payment_terms_id, billing.autoinvoicing) == (
            5,
            terms.id,
            True,
        )
        assert low_balance.get_low_balance(session, orbit.id) == LowBalance(
            notify_client=Decimal(20)
        )
        auto = auto_payment.get_auto_payment(session, orbit.id)
        assert (auto.enabled, auto.extra_amount) == (True, 7)
        changes = [
            change
            for record in session.scalars(
                select(AuditRecord).where(AuditRecord.client_id == orbit.id)
            )
            for change in record.changes.items()
        ]
    assert ("template", [None, "Wholesale"]) in changes


def test_a_later_change_of_the_template_does_not_reach_its_clients(
    acme: Tenant, orbit: Client
) -> None:
    template_id = make(acme, billing=TemplateBilling(credit=Decimal(100)))
    with work(acme) as session:
        apply_template(session, orbit.id, template_id)
    with work(acme) as session:
        client_templates.update_template(
            session,
            template_id,
            version=1,
            values=TemplateValues(
                TemplateGeneral("Wholesale"), TemplateBilling(credit=Decimal(900))
            ),
        )
        assert client_billing.get_billing(session, orbit.id).credit == 100


def test_deleting_a_template_leaves_its_clients_as_they_are(acme: Tenant, orbit: Client) -> None:
    template_id = make(acme, billing=TemplateBilling(credit=Decimal(100)), tags=("a",))
    with work(acme) as session:
        apply_template(session, orbit.id, template_id)
    with work(acme) as session:
        base.delete_template(session, template_id)
    with work(acme) as session:
        assert get_client(session, orbit.id).template_id is None
        assert client_billing.get_billing(session, orbit.id).credit == 100
        assert session.scalar(select(ClientTemplate)) is None
        last = session.scalars(select(AuditRecord).order_by(AuditRecord.id.desc())).first()
    assert last is not None
    assert (last.action, last.object_label) == ("delete", "Wholesale")


def test_a_template_of_another_reseller_is_refused(acme: Tenant, orbit: Client) -> None:
    west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
    family = make_tenant("Globex", "globex")
    beneath = make(west)
    foreign = make(family)
    for template_id in (beneath, foreign):
        with pytest.raises(InvalidInputError) as caught, work(acme) as session:
            apply_template(session, orbit.id, template_id)
        assert caught.value.field == "template_id"
    with pytest.raises(NotFoundError), work(acme) as session:
        base.get_template(session, foreign)


def test_a_value_that_does_not_fit_the_client_changes_nothing(acme: Tenant) -> None:
    yen = make_client(acme, "Nippon", currency="JPY")
    template_id = make(
        acme,
        billing=TemplateBilling(credit=Decimal(100)),
        auto=TemplateAutoPayment(extra_amount=Decimal("1.5")),
    )
    with pytest.raises(InvalidInputError) as caught, work(acme) as session:
        apply_template(session, yen.id, template_id)
    assert caught.value.field == "extra_amount"
    with work(acme) as session:
        assert client_billing.get_billing(session, yen.id).credit == 0


def test_a_client_saved_meanwhile_is_not_overwritten(acme: Tenant, orbit: Client) -> None:
    template_id = make(acme)
    with work(acme) as session:
        apply_template(session, orbit.id, template_id)
    with pytest.raises(StaleVersionError), work(acme) as session:
        apply_template(session, orbit.id, template_id, version=1)


def test_one_default_at_a_time(acme: Tenant) -> None:
    first, second = make(acme, "First", is_default=True), make(acme, "Second", is_default=True)
    with work(acme) as session:
        found = base.find_default(session, acme.id)
        assert found is not None
        assert found.id == second
        base.set_default(session, acme.id, first)
    with work(acme) as session:
        found = base.find_default(session, acme.id)
        assert found is not None
        assert found.id == first
        base.set_default(session, acme.id, None)
        assert base.find_default(session, acme.id) is None


def test_two_people_cannot_overwrite_each_others_template(acme: Tenant) -> None:
    template_id = make(acme)
    values = TemplateValues(TemplateGeneral("Other"))
    with work(acme) as session:
        client_templates.update_template(session, template_id, version=1, values=values)
    with pytest.raises(StaleTemplateError), work(acme) as session:
        client_templates.update_template(session, template_id, version=1, values=values)


def test_terms_and_taxes_of_a_template_are_in_use(acme: Tenant) -> None:
    with work(acme) as session:
        terms = payment_terms.create_terms(
            session, reseller_id=acme.id, name="Monthly", day_of_month=1
        )
        profile = tax_profiles.create_profile(
            session, reseller_id=acme.id, name="VAT", taxes=[("VAT", Decimal(19), 1)]
        )
    make(acme, billing=TemplateBilling(payment_terms_id=terms.id, tax_profile_id=profile.id))
    with pytest.raises(ConflictError), work(acme) as session:
        payment_terms.delete_terms(session, terms.id)
    with pytest.raises(ConflictError), work(acme) as session:
        tax_profiles.delete_profile(session, profile.id)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        (TemplateValues(TemplateGeneral("  ")), "name"),
        (TemplateValues(TemplateGeneral("x" * 101)), "name"),
        (TemplateValues(TemplateGeneral("x", currency="XXX")), "currency"),
        (TemplateValues(TemplateGeneral("x", timezone="Mars/Base")), "timezone"),
        (TemplateValues(TemplateGeneral("x", role="boss")), "role"),
        (TemplateValues(TemplateGeneral("x", tags=("t" * 61,))), "tags"),
        (TemplateValues(TemplateGeneral("x"), TemplateBilling(credit=Decimal("1e9"))), "credit"),
        (
            TemplateValues(TemplateGeneral("x"), TemplateBilling(payment_terms_id=999)),
            "payment_terms_id",
        ),
        (
            TemplateValues(TemplateGeneral("x"), TemplateBilling(threshold=Decimal(1))),
            "low_capacity",
        ),
        (
            TemplateValues(TemplateGeneral("x"), auto=TemplateAutoPayment(day_cap=Decimal(0))),
            "day_cap",
        ),
        (
            TemplateValues(
                TemplateGeneral("x", currency="JPY"),
                auto=TemplateAutoPayment(extra_amount=Decimal("1.5")),
            ),
            "extra_amount",
        ),
    ],
)
def test_what_a_template_does_not_take_is_told_at_its_field(
    acme: Tenant, values: TemplateValues, field: str
) -> None:
    with pytest.raises(InvalidInputError) as caught, work(acme) as session:
        client_templates.create_template(
            session, request_id=new_id(), reseller_id=acme.id, values=values
        )
    assert caught.value.field == field
