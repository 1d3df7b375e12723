"""Second factors: codes of an authenticator app (TOTP, RFC 6238) and recovery codes on paper.

For whoever signs in, in every area. Rows of the platform role; the secret is encrypted and bound
to its person. A code is taken once: the row remembers the newest time step that was shown.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
from sqlalchemy import delete, func, select, update

from core import secrets as sealed
from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError
from tenants import signin
from tenants.models import User
from tenants.signin_accounts import Account
from tenants.signin_models import RecoveryCode, SecondFactor

STEP_S = 30
# a phone's clock may be this many steps early or late
DRIFT_STEPS = 1
RECOVERY_CODES = 10
FEW_CODES = 3
"""From so few on the person is asked to make new ones."""
SET_UP_WITHIN = timedelta(hours=1)
_WRONG = "This code is not right. Codes change every 30 seconds."
# no letter that is mistaken for a digit
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"

KeyRing = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class FactorState:
    """What a person's own page tells; `codes_left` are its unused recovery codes."""

    confirmed_at: datetime
    codes_left: int


def find_state(session: Session, area: str, subject_id: int) -> FactorState | None:
    """None for a person without a second factor."""
    confirmed_at = session.scalar(
        select(SecondFactor.confirmed_at).where(
            SecondFactor.area == area, SecondFactor.subject_id == subject_id
        )
    )
    if confirmed_at is None:
        return None
    return FactorState(confirmed_at, _count_codes(session, area, subject_id))


def new_secret() -> str:
    """160 random bits in base 32, as authenticator apps take them."""
    return pyotp.random_base32()


def describe_address(secret: str, *, login: str, issuer: str) -> str:
    """The `otpauth://` address that a QR code carries."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=issuer)


def seal_offer(account: Account, secret: str, key_ring: KeyRing) -> str:
    """The offered secret for a form to carry: nothing is stored until a code has confirmed it."""
    return sealed.encrypt(key_ring, _place("offer", account), f"{now().timestamp()} {secret}")


def open_offer(account: Account, offer: str, key_ring: KeyRing) -> str:
    """The secret of a form drawn for this very person; raises InvariantError for any other.

    Raises InvalidInputError at `code` for one that is too old.
    """
    made_at, _, secret = sealed.decrypt(key_ring, _place("offer", account), offer).partition(" ")
    if now().timestamp() - float(made_at) > SET_UP_WITHIN.total_seconds():
        raise InvalidInputError("This page is out of date. Load it anew.", "code")
    return secret


def create_factor(
    session: Session, account: Account, *, secret: str, code: str, key_ring: KeyRing, ip: str
) -> list[str]:
    """Switch the second factor on; returns the recovery codes, which are known nowhere else.

    Raises InvalidInputError at `code`, and ConflictError for a person who has one already.
    """
    step = _find_step(secret, code)
    if step is None:
        raise InvalidInputError(_WRONG, "code")
    if _lock(session, account) is not None:
        raise ConflictError("The second factor is switched on already.")
    at = now()
    session.add(
        SecondFactor(
            area=account.area,
            subject_id=account.subject_id,
            reseller_id=account.reseller_id,
            secret=sealed.encrypt(key_ring, _place("secret", account), secret),
            last_step=step,
            confirmed_at=at,
        )
    )
    session.flush()
    _tell_lists(session, account, at)
    signin.record_act(session, account, "second_factor_on", ip)
    return _make_codes(session, account)


def is_right_code(session: Session, account: Account, code: str, key_ring: KeyRing) -> bool:
    """Whether this is a code of now, not shown before; one that is right is used up."""
    factor = _lock(session, account)
    if factor is None:
        return False
    secret = sealed.decrypt(key_ring, _place("secret", account), factor.secret)
    step = _find_step(secret, code)
    if step is None or step <= factor.last_step:
        return False
    factor.last_step = step
    session.flush()
    return True


def use_recovery_code(session: Session, account: Account, code: str, *, ip: str) -> int | None:
    """Use up a recovery code; how many are left then, None when it is not one."""
    used = session.scalar(
        update(RecoveryCode)
        .where(
            RecoveryCode.area == account.area,
            RecoveryCode.subject_id == account.subject_id,
            RecoveryCode.code_hash == _hash_code(code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now())
        .returning(RecoveryCode.subject_id)
        .execution_options(synchronize_session=False)
    )
    if used is None:
        return None
    signin.record_act(session, account, "recovery_code_used", ip)
    return _count_codes(session, account.area, account.subject_id)


def renew_codes(
    session: Session, account: Account, *, code: str, key_ring: KeyRing, ip: str
) -> list[str]:
    """New recovery codes in place of the old ones; raises InvalidInputError at `code`."""
    if not is_right_code(session, account, code, key_ring):
        raise InvalidInputError(_WRONG, "code")
    session.execute(
        delete(RecoveryCode).where(
            RecoveryCode.area == account.area, RecoveryCode.subject_id == account.subject_id
        )
    )
    signin.record_act(session, account, "recovery_codes_renewed", ip)
    return _make_codes(session, account)


def disable_factor(
    session: Session, account: Account, *, code: str, key_ring: KeyRing, ip: str
) -> None:
    """Switch one's own second factor off with a code of it; raises InvalidInputError at `code`.

    The caller has asked for the password.
    """
    if not is_right_code(session, account, code, key_ring):
        raise InvalidInputError(_WRONG, "code")
    _delete(session, account)
    signin.record_act(session, account, "second_factor_off", ip)


def delete_factor(session: Session, account: Account) -> bool:
    """Take a person's second factor away, for one who has lost phone and codes; False for none.

    The caller has checked who may, and writes who did.
    """
    if _lock(session, account) is None:
        return False
    _delete(session, account)
    return True


def reseal_secrets(session: Session, key_ring: KeyRing) -> int:
    """Encrypt every secret with the ring's first key; how many there are."""
    factors = session.scalars(select(SecondFactor).with_for_update()).all()
    for factor in factors:
        place = _place_of("secret", factor.area, factor.subject_id, factor.reseller_id)
        factor.secret = sealed.encrypt(
            key_ring, place, sealed.decrypt(key_ring, place, factor.secret)
        )
    session.flush()
    return len(factors)


def _find_step(secret: str, code: str) -> int | None:
    """The time step that a code belongs to; every step is compared, whichever fits."""
    typed = "".join(code.split())
    totp = pyotp.TOTP(secret, interval=STEP_S)
    present = int(now().timestamp()) // STEP_S
    found = None
    for step in range(present - DRIFT_STEPS, present + DRIFT_STEPS + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), typed.encode()):
            found = step
    return found


def _lock(session: Session, account: Account) -> SecondFactor | None:
    return session.scalar(
        select(SecondFactor)
        .where(SecondFactor.area == account.area, SecondFactor.subject_id == account.subject_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _delete(session: Session, account: Account) -> None:
    session.execute(
        delete(SecondFactor)
        .where(SecondFactor.area == account.area, SecondFactor.subject_id == account.subject_id)
        .execution_options(synchronize_session=False)
    )
    _tell_lists(session, account, None)


def _tell_lists(session: Session, account: Account, since: datetime | None) -> None:
    if account.area == "office":
        session.execute(
            update(User)
            .where(User.id == account.subject_id)
            .values(second_factor_since=since)
            .execution_options(synchronize_session=False)
        )


def _make_codes(session: Session, account: Account) -> list[str]:
    codes = ["-".join(_letters() for _ in range(4)) for _ in range(RECOVERY_CODES)]
    for code in codes:
        session.add(
            RecoveryCode(
                area=account.area, subject_id=account.subject_id, code_hash=_hash_code(code)
            )
        )
    session.flush()
    return codes


def _letters() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(4))


def _hash_code(code: str) -> bytes:
    # 79 random bits: nobody finds the code of a hash by trying, so it needs no slow one
    typed = "".join(letter for letter in code.lower() if letter.isalnum())
    return hashlib.sha256(typed.encode()).digest()


def _count_codes(session: Session, area: str, subject_id: int) -> int:
    return (
        session.scalar(
            select(func.count())
            .select_from(RecoveryCode)
            .where(
                RecoveryCode.area == area,
                RecoveryCode.subject_id == subject_id,
                RecoveryCode.used_at.is_(None),
            )
        )
        or 0
    )


def _place(what: str, account: Account) -> str:
    return _place_of(what, account.area, account.subject_id, account.reseller_id)


def _place_of(what: str, area: str, subject_id: int, reseller_id: int | None) -> str:
    return f"second_factors|{what}|{reseller_id or 'platform'}|{area}:{subject_id}"
