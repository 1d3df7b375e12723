"""Saving the client form: every block by the package that owns it, in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from wtforms import Form

from billing import client_billing, low_balance
from billing.client_billing import Billing
from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.names import clean_line
from payments import auto_payment
from portal.office.clients.forms import ClientForms
from portal.wording import refusal
from tenants import client_blocks, client_deletion, client_templates, clients, resellers
from tenants.clients import StaleVersionError, get_client
from tenants.models import Client


class RefusedError(InvalidInputError):
    """Some block cannot be taken; the errors stand at the fields. Rolls everything back."""

    def __init__(self) -> None:
        super().__init__("The form needs attention.")


@dataclass(slots=True)
class Saved:
    """What came of it."""

    client: Client
    is_new: bool = False
    ends_sessions: bool = False


class _Errors:
    """Domain errors put at their fields; no error hides those of another block."""

    def __init__(self, forms: ClientForms) -> None:
        self.forms = forms
        self.found = forms.has_errors

    def attempt(self, form: Form, step: Callable[[], Any]) -> Any:  # noqa: ANN401 (whatever the step gives)
        try:
            return step()
        except InvalidInputError as error:
            self.found = True
            self._put(form, error)
            return None

    def _put(self, form: Form, error: InvalidInputError) -> None:
        name = error.field or ""
        field = next((one[name] for one in (form, *self.forms.blocks) if name in one), None)
        if field is None:
            field = self.forms.general.name
        # the form's own check may have said it already
        if not field.errors or name == "":
            field.errors = [*field.errors, refusal(error)]


def create(session: Session, forms: ClientForms, *, request_id: UUID, home_id: int) -> Saved:
    """Make the client and its blocks; the same drawn form sent twice makes it once.

    Raises RefusedError with the errors of all blocks at their fields, ConflictError for other
    content under the same id.
    """
    known = clients.find_by_request(session, request_id)
    if known is not None:
        return Saved(repeated(known, forms))
    errors = _Errors(forms)
    reseller_id = forms.general.reseller_id.data or home_id

    def make() -> Client:
        return clients.create_client(
            session,
            request_id=request_id,
            reseller_id=resellers.check_choice(session, reseller_id).id,
            general=forms.general.to_block(),
        )

    client = errors.attempt(forms.general, make)
    if client is None:
        client = _stand_in(session, request_id, home_id)
    _save_blocks(session, client, forms, None, errors)
    return Saved(client, is_new=True)


def update(session: Session, client_id: int, forms: ClientForms, *, version: int) -> Saved:
    """Save all writable blocks over the version that was shown.

    Raises StaleVersionError before anything else, RefusedError, NotFoundError.
    """
    client = get_client(session, client_id)
    if client.version != version:
        raise StaleVersionError(client)
    errors = _Errors(forms)
    stored = client_billing.get_billing(session, client_id)
    was_active = client.status == "active"

    def save() -> Client:
        return clients.update_client(
            session, client_id, version=version, general=forms.general.to_block()
        )

    errors.attempt(forms.general, save)
    ends = _save_blocks(session, client, forms, stored, errors)
    return Saved(client, ends_sessions=ends or (was_active and client.status != "active"))


def repeated(known: Client, forms: ClientForms) -> Client:
    """`known` when the form that made it is sent again; raises ConflictError for another one."""
    if known.name != clean_line(forms.general.name.data or ""):
        raise ConflictError("This form was sent before with other content.")
    return known


def change_status(session: Session, client_id: int, status: str, *, version: int) -> Saved:
    """Stop or start a client; deleting it is `tenants.client_deletion`.

    Raises NotFoundError, InvalidInputError, StaleVersionError.
    """
    client = get_client(session, client_id)
    general = clients.General(client.name, client.currency, client.timezone, status)
    client = clients.update_client(session, client_id, version=version, general=general)
    return Saved(client, ends_sessions=status != "active")


def _stand_in(session: Session, request_id: UUID, reseller_id: int) -> Client:
    """A client for trying the other blocks on: what is wrong there is told as well.

    Goes with the transaction, which ends in RefusedError.
    """
    home = resellers.get_reseller(session, reseller_id)
    general = clients.General("-", home.currency, home.timezone)
    return clients.create_client(
        session, request_id=request_id, reseller_id=reseller_id, general=general
    )


def _save_blocks(
    session: Session,
    client: Client,
    forms: ClientForms,
    stored: Billing | None,
    errors: _Errors,
) -> bool:
    """`stored` None: a new client, which gets every block, be it as it is by default."""
    general, is_new = forms.general, stored is None
    billing = forms.to_billing(stored or Billing())
    steps: list[tuple[str, Form, Callable[[], object]]] = [
        (
            "general",
            general,
            lambda: client_templates.record_template(session, client, general.template_id.data),
        ),
        (
            "general",
            forms.credit,
            lambda: client_billing.save_billing(session, client, billing),
        ),
        (
            "low",
            forms.low,
            lambda: low_balance.save_low_balance(session, client, forms.low.to_block()),
        ),
        (
            "company",
            forms.company,
            lambda: client_blocks.save_company(session, client, forms.company.to_block()),
        ),
        (
            "general",
            general,
            lambda: client_blocks.save_tags(session, client, general.tags.names),
        ),
        (
            "auto",
            forms.auto,
            lambda: auto_payment.save_auto_payment(session, client, forms.auto.to_block()),
        ),
    ]
    for block, form, step in steps:
        if is_new or block in forms.writable:
            errors.attempt(form, step)
    ends = errors.attempt(
        forms.panel,
        lambda: client_blocks.save_panel_login(session, client, forms.panel.to_block()),
    )
    if client.status == "deleted":
        client_deletion.close_panel(session, client)
    if errors.found:
        raise RefusedError
    return bool(ends)
