"""A reseller's own texts of mails, every version of them."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Identity, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, TenantOwned


class MailTemplateVersion(TenantOwned, Base):
    """What a letter said in one language since `created_at`; the newest version is in force.

    `is_default`: from here on the program's own text, and the three texts are empty.
    """

    __tablename__ = "mail_template_versions"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        UniqueConstraint("reseller_id", "letter", "locale", "version"),
        CheckConstraint("version > 0", "version"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    letter: Mapped[str]
    locale: Mapped[str]
    version: Mapped[int]
    is_default: Mapped[bool]
    subject: Mapped[str]
    body_text: Mapped[str]
    body_html: Mapped[str]
    author: Mapped[str]
    created_at: Mapped[datetime]


class MailLetterOff(TenantOwned, Base):
    """A letter that the reseller does not want sent; without a row it is sent."""

    __tablename__ = "mail_letters_off"
    __table_args__ = (ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),)
    reseller_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    letter: Mapped[str] = mapped_column(primary_key=True)
    author: Mapped[str]
    created_at: Mapped[datetime]
