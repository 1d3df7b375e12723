"""Invoice templates: how invoices look. Every reseller has one default, "Standard" at first."""

from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import func, select, update

from billing.client_models import ClientTemplateBilling
from billing.invoice_look import STANDARD, InvoiceLook, checked_look
from billing.invoice_models import InvoiceTemplate
from billing.models import ClientBilling
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from tenants import audit
from tenants.models import Client


class StaleInvoiceTemplateError(ConflictError):
    """Somebody saved the template while the form was open."""

    code = "stale_version"


def create_standard(session: Session, reseller_id: int) -> InvoiceTemplate:
    """Part of making a reseller."""
    template = InvoiceTemplate(reseller_id=reseller_id)
    _put(template, InvoiceLook(STANDARD, is_default=True))
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
    return InvoiceLook(STANDARD) if template is None else look_of(template)


def look_of(template: InvoiceTemplate) -> InvoiceLook:
    """What the template says now."""
    values = _facts(template)
    values |= {"parts": tuple(template.parts), "columns": tuple(template.columns)}
    return InvoiceLook(**values)


def is_made(session: Session, reseller_id: int, look: InvoiceLook) -> bool:
    """Whether this very template exists already: its form was sent twice."""
    try:
        wanted = checked_look(look)
    except InvalidInputError:
        return False
    return any(look_of(one) == wanted for one in list_templates(session, reseller_id))


def _fill(session: Session, template: InvoiceTemplate, look: InvoiceLook) -> None:
    look = checked_look(look)
    _check_name(session, template, look.name)
    if look.is_default and not template.is_default:
        _clear_default(session, template.reseller_id)
    _put(template, look)


def _put(template: InvoiceTemplate, look: InvoiceLook) -> None:
    for name, value in asdict(look).items():
        setattr(template, name, list(value) if isinstance(value, tuple) else value)


def _check_name(session: Session, template: InvoiceTemplate, name: str) -> None:
    with session.no_autoflush:
        taken = session.scalar(
            select(InvoiceTemplate.id).where(
                InvoiceTemplate.reseller_id == template.reseller_id,
                func.lower(InvoiceTemplate.name) == name.lower(),
            )
        )
    if taken is not None and taken != template.id:
        raise InvalidInputError("Another template has this name.", "name")


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
