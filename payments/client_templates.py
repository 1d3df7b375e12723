"""A client template whole: what every package says of it, and applying it to a client."""

from dataclasses import asdict, dataclass, field, fields, replace
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from billing import client_billing, low_balance, template_billing
from billing.template_billing import TemplateBilling
from core.db import Session
from core.errors import InvalidInputError
from core.money import minor_amount
from payments import auto_payment
from payments.auto_payment import AutoPayment
from payments.models import ClientTemplateAutoPayment
from tenants import audit, client_blocks, client_templates, clients
from tenants.client_templates import TemplateGeneral
from tenants.models import Client, ClientTemplate


@dataclass(frozen=True, slots=True)
class TemplateAutoPayment:
    """None: the template does not say. Amounts are in the currency of the client."""

    enabled: bool | None = None
    extra_amount: Decimal | None = None
    day_cap: Decimal | None = None
    month_cap: Decimal | None = None

    def applied_to(self, stored: AutoPayment) -> AutoPayment:
        """The client's block with what the template says put in."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        return replace(stored, **said)


@dataclass(frozen=True, slots=True)
class TemplateValues:
    """All that a template says, by the package that owns it."""

    general: TemplateGeneral
    billing: TemplateBilling = field(default_factory=TemplateBilling)
    auto: TemplateAutoPayment = field(default_factory=TemplateAutoPayment)


def create_template(
    session: Session, *, request_id: UUID, reseller_id: int, values: TemplateValues
) -> ClientTemplate:
    """Make a template and audit it; raises InvalidInputError naming the field."""
    template = client_templates.create_template(
        session, request_id=request_id, reseller_id=reseller_id, general=values.general
    )
    _save_parts(session, template, values)
    changes = audit.differences(
        {}, {k: v for k, v in _facts(values).items() if v not in (None, [])}
    )
    client_templates.record_change(session, template, "create", changes)
    return template


def update_template(
    session: Session, template_id: int, *, version: int, values: TemplateValues
) -> ClientTemplate:
    """Change a template; clients made with it stay as they are.

    Raises NotFoundError, InvalidInputError, StaleTemplateError.
    """
    before = _facts(get_values(session, client_templates.get_template(session, template_id)))
    template = client_templates.update_template(
        session, template_id, version=version, general=values.general
    )
    _save_parts(session, template, values)
    changes = audit.differences(before, _facts(get_values(session, template)))
    if changes:
        client_templates.record_change(session, template, "update", changes)
    return template


def get_values(session: Session, template: ClientTemplate) -> TemplateValues:
    """What the template says."""
    row = _find_auto(session, template.id)
    return TemplateValues(
        general=client_templates.get_general(session, template),
        billing=template_billing.get_template_billing(session, template.id),
        auto=TemplateAutoPayment()
        if row is None
        else TemplateAutoPayment(
            **{one.name: getattr(row, one.name) for one in fields(TemplateAutoPayment)}
        ),
    )


def apply_template(
    session: Session, client_id: int, template_id: int, *, version: int | None = None
) -> Client:
    """Copy what the template says to an existing client, once, and remember its name.

    For mass edit and import: `version` is the client's as it was shown, None takes it as it is now.
    Tags are added to those the client has; all else that the template says takes the place of what
    was there; what it does not say stays. Each block is checked and audited as when saved by hand.
    Raises NotFoundError, StaleVersionError, and InvalidInputError where a value does not fit this
    client (another reseller's template, autoinvoicing without payment terms, cents in a currency
    without any, a currency other than the one in which money has moved).
    """
    client = clients.get_client(session, client_id)
    template = client_templates.check_choice(session, client.reseller_id, template_id)
    values = get_values(session, template)
    client = clients.update_client(
        session,
        client_id,
        version=client.version if version is None else version,
        general=_general(client, values.general),
    )
    client_templates.record_template(session, client, template.id)
    tags = [*client_blocks.list_tags(session, client.id), *values.general.tags]
    client_blocks.save_tags(session, client, tags)
    billing = client_billing.get_billing(session, client.id)
    client_billing.save_billing(session, client, values.billing.applied_to(billing))
    low = low_balance.get_low_balance(session, client.id)
    low_balance.save_low_balance(session, client, values.billing.applied_to_low_balance(low))
    auto = auto_payment.get_auto_payment(session, client.id)
    auto_payment.save_auto_payment(session, client, values.auto.applied_to(auto))
    return client


def _general(client: Client, said: TemplateGeneral) -> clients.General:
    return clients.General(
        name=client.name,
        currency=said.currency or client.currency,
        timezone=said.timezone or client.timezone,
        status=client.status,
        is_originator=None if said.role is None else said.role != "terminator",
        is_terminator=None if said.role is None else said.role != "originator",
    )


def _save_parts(session: Session, template: ClientTemplate, values: TemplateValues) -> None:
    template_billing.save_template_billing(session, template, values.billing)
    _check_auto(values.auto, values.general.currency)
    row = _find_auto(session, template.id)
    if row is None:
        row = ClientTemplateAutoPayment(template_id=template.id, reseller_id=template.reseller_id)
        session.add(row)
    for name, value in asdict(values.auto).items():
        setattr(row, name, value)
    session.flush()


def _check_auto(wish: TemplateAutoPayment, currency: str | None) -> None:
    for name in ("extra_amount", "day_cap", "month_cap"):
        value: Decimal | None = getattr(wish, name)
        if value is None:
            continue
        auto_payment.check_amount(value, name)
        # without a currency: three decimals are the most that any has
        if value != minor_amount(value, currency or "KWD"):
            raise InvalidInputError("The amount has too many decimals.", name)


def _find_auto(session: Session, template_id: int) -> ClientTemplateAutoPayment | None:
    return session.scalar(
        select(ClientTemplateAutoPayment).where(
            ClientTemplateAutoPayment.template_id == template_id
        )
    )


def _facts(values: TemplateValues) -> dict[str, object]:
    auto = {f"auto_payment_{name}": value for name, value in asdict(values.auto).items()}
    return {**client_templates.facts(values.general), **asdict(values.billing), **auto}
