"""Making a tenant and inviting its first user: what platform and reseller screens share.

Only the platform's role may write a reseller; whoever calls this has checked who may do it and
beneath whom.
"""

from uuid import UUID

from sqlalchemy.exc import IntegrityError

from billing import invoice_templates, payment_accounts
from core.db import Session
from core.errors import ConflictError
from core.platform_uow import platform_unit_of_work
from core.tenancy import Actor
from portal.invitations import queue_invitation
from tenants import platform_settings, resellers
from tenants.models import Reseller
from tenants.resellers import ResellerWish


def find_made(request_id: UUID) -> Reseller | None:
    """The tenant that this drawn form made before, if it was sent already."""
    with platform_unit_of_work() as session:
        return resellers.find_by_request(session, request_id)


def make_tenant(request_id: UUID, wish: ResellerWish, actor: Actor) -> Reseller:
    """The tenant with its first user invited by mail, all in one transaction.

    Made twice it is the same. Raises InvalidInputError naming the field, ConflictError.
    """
    try:
        with platform_unit_of_work() as session:
            reseller, user = resellers.provision_reseller(
                session, request_id=request_id, wish=wish, actor=actor
            )
            reseller.locale = _locale(session, reseller)
            payment_accounts.create_general(session, reseller.id)
            invoice_templates.create_standard(session, reseller.id)
            queue_invitation(session, reseller, user.id)
            return reseller
    except IntegrityError as error:
        # two clicks at the same moment, or two people with the same code
        known = find_made(request_id)
        if known is None:
            raise ConflictError("Somebody was faster. Try again.") from error
        return known


def _locale(session: Session, reseller: Reseller) -> str:
    """It speaks as its parent does, else as the platform's settings say."""
    if reseller.parent_id is None:
        return platform_settings.read_settings(session).settings.locale
    return resellers.get_reseller(session, reseller.parent_id).locale
