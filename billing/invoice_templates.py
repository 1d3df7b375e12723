"""Invoice templates: how invoices look. Every reseller has one default, "Standard" at first."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from babel import Locale, UnknownLocaleError
from sqlalchemy import func, select, update

from billing.client_models import ClientTemplateBilling
from billing.invoice_models import InvoiceTemplate
from billing.models import ClientBilling
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.names import clean_line, clean_text
from tenants import audit
from tenants.models import Client

STANDARD = "Standard"
NAME_LENGTH = 100
NOTE_LENGTH = 2000
PAPERS = ("auto", "a4", "us-letter")


@dataclass(frozen=True, slots=True)
class InvoiceLook:
    """What a template says: `locale` empty takes the client's, paper `auto` its country's."""

    name: str
    is_default: bool = False
    locale: str = ""
    paper: str = "auto"
    note: str = ""


class StaleInvoiceTemplateError(ConflictError):
    """Somebody saved the template while the form was open."""

    code = "stale_version"


def create_standard(session: Session, reseller_id: int) -> InvoiceTemplate:
    """Part of making a reseller."""
    template = InvoiceTemplate(reseller_id=reseller_id, **asdict(InvoiceLook(STANDARD, True)))
    session.add(template)
    session.flush()
    return template


def create_template(session: Session, *, reseller_id: int, look: InvoiceLook) -> InvoiceTemplate:
    """Make a template and audit it; raises InvalidInputError naming the field."""
    template = InvoiceTemplate(reseller_id=reseller_id)
    _fill(session, template, look)
    session.add(template)
    session.flush()
    _record(session, template, "create", {})
    return template


def update_template(
    session: Session, template_id: int, *, version: int, look: InvoiceLook
) -> InvoiceTemplate:
    """Change a template; invoices that were made keep how they look.

    The default stays the default until another one takes its place. Raises NotFoundError,
    InvalidInputError, StaleInvoiceTemplateError.
    """
    template = session.scalar(
        select(InvoiceTemplate).where(InvoiceTemplate.id == template_id).with_for_update()
    )
    if template is None:
        raise NotFoundError("Invoice template not found.")
    if template.version != version:
        raise StaleInvoiceTemplateError("Somebody changed this template while you were editing it.")
    if template.is_default and not look.is_default:
        raise InvalidInputError("Make another template the default instead.", "is_default")
    before = _facts(template)
    _fill(session, template, look)
    template.version += 1
    session.flush()
    _record(session, template, "update", before)
    return template


def delete_template(session: Session, template_id: int) -> None:
    """Raises NotFoundError; ConflictError for the default and for one in use."""
    template = get_template(session, template_id)
    if template.is_default:
        raise ConflictError("The default template cannot be deleted.")
    for model in (ClientBilling, ClientTemplateBilling):
        used = session.scalar(
            select(model.invoice_template_id)
            .where(
                model.reseller_id == template.reseller_id,
                model.invoice_template_id == template_id,
            )
            .limit(1)
        )
        if used is not None:
            raise ConflictError("This invoice template is in use and cannot be deleted.")
    _record(session, template, "delete", {})
    session.delete(template)
    session.flush()


def get_template(session: Session, template_id: int) -> InvoiceTemplate:
    """Raises NotFoundError, also for a template of another tenant."""
    template = session.scalar(select(InvoiceTemplate).where(InvoiceTemplate.id == template_id))
    if template is None:
        raise NotFoundError("Invoice template not found.")
    return template


def list_templates(session: Session, reseller_id: int) -> list[InvoiceTemplate]:
    """Those of one reseller, the default first, then by name."""
    return list(
        session.scalars(
            select(InvoiceTemplate)
            .where(InvoiceTemplate.reseller_id == reseller_id)
            .order_by(InvoiceTemplate.is_default.desc(), func.lower(InvoiceTemplate.name))
        )
    )


def get_client_look(session: Session, client: Client) -> InvoiceLook:
    """How the client's invoices look: its own template, else its reseller's default."""
    chosen = select(ClientBilling.invoice_template_id).where(ClientBilling.client_id == client.id)
    template = session.scalar(
        select(InvoiceTemplate)
        .where(
            InvoiceTemplate.reseller_id == client.reseller_id,
            (InvoiceTemplate.id == chosen.scalar_subquery()) | InvoiceTemplate.is_default,
        )
        # its own first: the default may be it
        .order_by((InvoiceTemplate.id == chosen.scalar_subquery()).desc().nulls_last())
        .limit(1)
    )
    return InvoiceLook(STANDARD) if template is None else InvoiceLook(**_facts(template))


def _fill(session: Session, template: InvoiceTemplate, look: InvoiceLook) -> None:
    template.name = _free_name(session, template, look.name)
    template.locale = _known_locale(look.locale)
    if look.paper not in PAPERS:
        raise InvalidInputError("Choose one from the list.", "paper")
    template.paper = look.paper
    template.note = clean_text(look.note)
    if len(template.note) > NOTE_LENGTH:
        raise InvalidInputError("Use at most 2000 characters.", "note")
    if look.is_default and not template.is_default:
        _clear_default(session, template.reseller_id)
    template.is_default = look.is_default


def _known_locale(text: str) -> str:
    locale = text.strip()
    if not locale:
        return ""
    try:
        return str(Locale.parse(locale.replace("-", "_")))
    except (ValueError, UnknownLocaleError) as error:
        raise InvalidInputError("Choose one from the list.", "locale") from error


def _free_name(session: Session, template: InvoiceTemplate, text: str) -> str:
    name = clean_line(text)
    if not name:
        raise InvalidInputError("Enter a name.", "name")
    if len(name) > NAME_LENGTH:
        raise InvalidInputError("Use at most 100 characters.", "name")
    with session.no_autoflush:
        taken = session.scalar(
            select(InvoiceTemplate.id).where(
                InvoiceTemplate.reseller_id == template.reseller_id,
                func.lower(InvoiceTemplate.name) == name.lower(),
            )
        )
    if taken is not None and taken != template.id:
        raise InvalidInputError("Another template has this name.", "name")
    return name


def _clear_default(session: Session, reseller_id: int) -> None:
    with session.no_autoflush:
        session.execute(
            update(InvoiceTemplate)
            .where(InvoiceTemplate.reseller_id == reseller_id, InvoiceTemplate.is_default)
            .values(is_default=False, version=InvoiceTemplate.version + 1)
            .execution_options(synchronize_session="fetch")
        )


def _facts(template: InvoiceTemplate) -> dict[str, Any]:
    return {one.name: getattr(template, one.name) for one in fields(InvoiceLook)}


def _record(
    session: Session, template: InvoiceTemplate, action: str, before: dict[str, object]
) -> None:
    changes = {} if action == "delete" else audit.differences(before, _facts(template))
    if action == "update" and not changes:
        return
    audit.record(
        session,
        reseller_id=template.reseller_id,
        action=action,
        object_type="invoice_template",
        object_id=template.id,
        object_label=template.name,
        changes=changes,
    )
