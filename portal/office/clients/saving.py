"""Saving the client form: every block by the package that owns it, in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from billing import client_billing
from billing.client_billing import Billing
from core.db import Session
from core.errors import ConflictError, InvalidInputError
from payments import auto_payment
from portal.fields import put_error
from portal.office.clients.forms import ClientForms
from tenants import client_blocks, client_deletion, clients, resellers
from tenants.clients import get_client
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


@dataclass(slots=True)
class _Errors:
    """Domain errors put at their fields; the first one does not hide the others."""

    forms: ClientForms
    found: bool = False
    loose: list[str] = field(default_factory=list)

    def attempt(self, form: Any, step: Callable[[], Any]) -> Any:  # noqa: ANN401 (whatever the step gives)
        try:
            return step()
        except InvalidInputError as error:
            self.found = True
            for one in (form, *self.forms.blocks):
                if put_error(one, error):
                    return None
            self.forms.general.name.errors = [*self.forms.general.name.errors, error.message]
            return None


def create(session: Session, forms: ClientForms, *, request_id: UUID, home_id: int) -> Saved:
    """Make the client and its blocks; the same drawn form sent twice makes it once.

    Raises RefusedError with the errors at the fields, ConflictError for other content.
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
        raise RefusedError
    _save_blocks(session, client, forms, Billing(), errors)
    return Saved(client, is_new=True)


def update(session: Session, client_id: int, forms: ClientForms, *, version: int) -> Saved:
    """Save all blocks over the version that was shown.

    Raises RefusedError, StaleVersionError, NotFoundError.
    """
    errors = _Errors(forms)
    stored = client_billing.get_billing(session, client_id)
    was_active = get_client(session, client_id).status == "active"

    def save() -> Client:
        return clients.update_client(
            session, client_id, version=version, general=forms.general.to_block()
        )

    client = errors.attempt(forms.general, save)
    if client is None:
        raise RefusedError
    ends = _save_blocks(session, client, forms, stored, errors)
    return Saved(client, ends_sessions=ends or (was_active and client.status != "active"))


def repeated(known: Client, forms: ClientForms) -> Client:
    """`known` when the form that made it is sent again; raises ConflictError for another one."""
    if known.name != " ".join((forms.general.name.data or "").split()):
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


def _save_blocks(
    session: Session, client: Client, forms: ClientForms, stored: Billing, errors: _Errors
) -> bool:
    billing = forms.to_billing(stored)
    errors.attempt(forms.credit, lambda: client_billing.save_billing(session, client, billing))
    errors.attempt(
        forms.company,
        lambda: client_blocks.save_company(session, client, forms.company.to_block()),
    )
    errors.attempt(
        forms.general, lambda: client_blocks.save_tags(session, client, forms.general.tags.names)
    )
    errors.attempt(
        forms.auto,
        lambda: auto_payment.save_auto_payment(session, client, forms.auto.to_block()),
    )
    ends = errors.attempt(
        forms.panel,
        lambda: client_blocks.save_panel_login(session, client, forms.panel.to_block()),
    )
    if client.status == "deleted":
        client_deletion.close_panel(session, client)
    if errors.found:
        raise RefusedError
    return bool(ends)
