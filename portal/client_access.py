"""How a client gets into its panel, as the panel and the office manage it.

Sign-in belongs to the role that sees every tenant. The caller has found the client in its own scope
and checked that it may; nothing here asks again.
"""

from dataclasses import replace

from core.errors import InvalidInputError, NotFoundError
from core.platform_uow import platform_unit_of_work
from core.tenancy import current_actor
from portal.invitations import queue_security_notice
from portal.sessions import current_identity
from tenants import (
    password_resets,
    passwords,
    second_factor,
    signin,
    signin_accounts,
    signin_sessions,
    signin_throttle,
)
from tenants.second_factor import FactorState
from tenants.signin_throttle import PAIR, make_key


def check_password(client_id: int, password: str) -> None:
    """Raises InvalidInputError at `current` unless this is the client's own present password.

    Tries are counted as at the page that changes it: TooManyAttemptsError. Slow by design, so call
    it with no transaction open.
    """
    key = make_key("own_password", "panel", client_id, limit=PAIR)
    with platform_unit_of_work() as session:
        signin_throttle.count_attempt(session, (key,))
        account = signin_accounts.get_account(session, "panel", client_id)
    if not passwords.verify_password(account.password_hash, password):
        raise InvalidInputError("This is not your present password.", "current")
    with platform_unit_of_work() as session:
        signin_throttle.forgive(session, (key,))


def follow_new_address(client_id: int, former: str) -> None:
    """Links mailed to the former address stop working, and it is told of the change.

    Sessions beside the one in use end: whoever has one may have made the change.
    """
    me = current_identity()
    with platform_unit_of_work() as session:
        password_resets.end_links(session, "panel", client_id)
        signin_sessions.end_sessions(
            session,
            area="panel",
            subject_id=client_id,
            reason="email_changed",
            keep=None if me is None else me.token_hash,
        )
        if former:
            account = signin_accounts.get_account(session, "panel", client_id)
            queue_security_notice(session, replace(account, email=former), "email_changed")


def find_factor(client_id: int) -> FactorState | None:
    """The client's second factor; None where it has none."""
    with platform_unit_of_work() as session:
        return second_factor.find_state(session, "panel", client_id)


def reset_second_factor(client_id: int) -> bool:
    """Take a client's second factor away, end its sessions and tell it; False when it had none."""
    with platform_unit_of_work() as session:
        try:
            account = signin_accounts.get_account(session, "panel", client_id)
        except NotFoundError:
            return False
        if not second_factor.delete_factor(session, account):
            return False
        signin_sessions.end_sessions(
            session, area="panel", subject_id=client_id, reason="second_factor_reset"
        )
        actor = current_actor()
        signin.record_act(session, account, "second_factor_reset", actor.ip or "", actor=actor)
        queue_security_notice(session, account, "second_factor_reset")
    return True
