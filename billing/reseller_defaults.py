"""What a reseller sets for its clients in matters of money: default terms, default taxes."""

from sqlalchemy import select

from billing.models import LedgerEntry, PaymentTerms, TaxProfile
from core.db import Session
from core.errors import InvalidInputError
from tenants import audit, resellers
from tenants.models import Reseller
from tenants.stamps import check_stamp


def has_entries(session: Session, reseller_id: int) -> bool:
    """Whether anything is booked: its currency cannot change any more then."""
    found = session.scalar(
        select(LedgerEntry.id).where(LedgerEntry.reseller_id == reseller_id).limit(1)
    )
    return found is not None


def find_default_terms(session: Session, reseller_id: int) -> PaymentTerms | None:
    """What the form of a new client of this reseller begins with, if anything."""
    return session.scalar(
        select(PaymentTerms).where(PaymentTerms.reseller_id == reseller_id, PaymentTerms.is_default)
    )


def find_default_profile(session: Session, reseller_id: int) -> TaxProfile | None:
    """What counts for clients without a tax profile of their own, if anything."""
    return session.scalar(
        select(TaxProfile).where(TaxProfile.reseller_id == reseller_id, TaxProfile.is_default)
    )


def update_defaults(
    session: Session,
    reseller_id: int,
    *,
    terms_id: int | None,
    profile_id: int | None,
    stamp: str,
) -> None:
    """Both at once, as the settings show them; `stamp` is that of the ids that were shown.

    Raises InvalidInputError naming the field, ConflictError when they were changed meanwhile.
    """
    # the reseller's row is the lock: two who save at once follow each other
    session.execute(select(Reseller.id).where(Reseller.id == reseller_id).with_for_update())
    terms = find_default_terms(session, reseller_id)
    profile = find_default_profile(session, reseller_id)
    before = {
        "payment_terms_id": None if terms is None else terms.id,
        "tax_profile_id": None if profile is None else profile.id,
    }
    if before == {"payment_terms_id": terms_id, "tax_profile_id": profile_id}:
        return
    check_stamp(stamp, before)
    set_default_terms(session, reseller_id, terms_id)
    set_default_profile(session, reseller_id, profile_id)


def set_default_terms(session: Session, reseller_id: int, terms_id: int | None) -> None:
    """Which terms new clients begin with; None: none. Clients that exist keep theirs.

    Raises InvalidInputError for terms of another reseller.
    """
    before = find_default_terms(session, reseller_id)
    if (None if before is None else before.id) == terms_id:
        return
    chosen = None
    if terms_id is not None:
        chosen = session.scalar(
            select(PaymentTerms).where(
                PaymentTerms.reseller_id == reseller_id, PaymentTerms.id == terms_id
            )
        )
        if chosen is None:
            raise InvalidInputError("Choose payment terms of this company.", "payment_terms_id")
    _replace(session, before, chosen)
    _record(session, reseller_id, "default_payment_terms", before, chosen)


def set_default_profile(session: Session, reseller_id: int, profile_id: int | None) -> None:
    """Which taxes clients without their own profile pay; None: none.

    What is posted keeps the taxes of its day. Raises InvalidInputError for another reseller's.
    """
    before = find_default_profile(session, reseller_id)
    if (None if before is None else before.id) == profile_id:
        return
    chosen = None
    if profile_id is not None:
        chosen = session.scalar(
            select(TaxProfile).where(
                TaxProfile.reseller_id == reseller_id, TaxProfile.id == profile_id
            )
        )
        if chosen is None:
            raise InvalidInputError("Choose a tax profile of this company.", "tax_profile_id")
    _replace(session, before, chosen)
    _record(session, reseller_id, "default_tax_profile", before, chosen)


def _replace(
    session: Session,
    before: PaymentTerms | TaxProfile | None,
    after: PaymentTerms | TaxProfile | None,
) -> None:
    if before is not None:
        before.is_default = False
        # at most one may be the default at any moment, also inside the transaction
        session.flush()
    if after is not None:
        after.is_default = True
        session.flush()


def _record(
    session: Session,
    reseller_id: int,
    field: str,
    before: PaymentTerms | TaxProfile | None,
    after: PaymentTerms | TaxProfile | None,
) -> None:
    audit.record(
        session,
        reseller_id=reseller_id,
        action="update",
        object_type="reseller",
        object_id=reseller_id,
        object_label=resellers.get_reseller(session, reseller_id).name,
        changes={field: (before and before.name, after and after.name)},
    )
