"""Second factors of the cast, and the codes that their apps show."""

import pyotp
from flask import Flask

from core.clock import now
from core.platform_uow import platform_unit_of_work
from tenants import second_factor, signin_accounts
from tenants.signin_sessions import Area


def code_of(secret: str, *, steps: int = 0) -> str:
    """What the person's app shows, so many steps of 30 seconds from now."""
    return pyotp.TOTP(secret).generate_otp(int(now().timestamp()) // 30 + steps)


def give_factor(app: Flask, area: Area, subject_id: int) -> tuple[str, list[str]]:
    """The secret and the recovery codes of a factor confirmed two steps ago."""
    secret = second_factor.new_secret()
    with platform_unit_of_work() as session:
        account = signin_accounts.get_account(session, area, subject_id)
        codes = second_factor.create_factor(
            session,
            account,
            secret=secret,
            code=code_of(secret, steps=-1),
            key_ring=app.extensions["settings"].credential_key_ring,
            ip="127.0.0.1",
        )
    return secret, codes
