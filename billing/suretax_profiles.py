"""What a tax profile of the mode `suretax` says of its clients: who they are, which taxes not."""

from typing import NamedTuple

from sqlalchemy import delete, insert, select

from billing import suretax_rules
from billing.models import TaxProfile
from billing.suretax_models import SureTaxAccount, SureTaxProfile
from core.db import Session
from core.errors import InvalidInputError

MODE = "suretax"


class SureTaxWords(NamedTuple):
    """`exemptions` as they are typed: codes with commas between."""

    sales_type: str = "B"
    exemptions: str = ""


def find_words(session: Session, profile_id: int) -> SureTaxWords | None:
    """What the profile says to SureTax; None for one of another mode."""
    row = session.execute(
        select(SureTaxProfile.sales_type, SureTaxProfile.exemptions).where(
            SureTaxProfile.tax_profile_id == profile_id
        )
    ).one_or_none()
    return None if row is None else SureTaxWords(row.sales_type, ", ".join(row.exemptions))


def checked_words(
    session: Session, profile: TaxProfile, words: SureTaxWords | None
) -> SureTaxWords | None:
    """None for a profile of another mode; raises InvalidInputError naming the field."""
    if profile.mode != MODE:
        return None
    with session.no_autoflush:
        account = session.scalar(
            select(SureTaxAccount.reseller_id).where(
                SureTaxAccount.reseller_id == profile.reseller_id, SureTaxAccount.enabled
            )
        )
    if account is None:
        raise InvalidInputError(
            "SureTax is not in use for this reseller: set it up first, on the SureTax page.", "mode"
        )
    words = words or SureTaxWords()
    return SureTaxWords(
        suretax_rules.check_sales_type(words.sales_type),
        ", ".join(suretax_rules.check_exemptions(words.exemptions)),
    )


def write_words(session: Session, profile: TaxProfile, words: SureTaxWords | None) -> None:
    """Keep checked words, or none."""
    session.execute(delete(SureTaxProfile).where(SureTaxProfile.tax_profile_id == profile.id))
    if words is not None:
        session.execute(
            insert(SureTaxProfile),
            [
                {
                    "reseller_id": profile.reseller_id,
                    "tax_profile_id": profile.id,
                    "sales_type": words.sales_type,
                    "exemptions": suretax_rules.check_exemptions(words.exemptions),
                }
            ],
        )
