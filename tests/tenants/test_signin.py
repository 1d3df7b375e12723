"""The parts of sign-in that know no browser: throttle, sessions, links, staff."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from core.clock import now
from core.errors import InvalidInputError, TooManyAttemptsError
from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tenants import password_resets, passwords, signed_in, signin, signin_accounts, signin_sessions
from tenants import signin_throttle as throttle
from tenants.models import AuditRecord, PlatformUser, Role, User
from tenants.permissions import Permission
from tenants.signin_models import PasswordReset, SignInSession, SignInThrottle
from tenants.signin_throttle import PAIR, PERSON, PLACE, Limit, delay, make_key, place_of
from tenants.staff import create_platform_user, create_role, create_user
from tests.factories.cast import PASSWORD, Tenant, make_client, make_tenant

pytestmark = pytest.mark.usefixtures("clean_database")

KEY = make_key("test", "somebody", limit=Limit(2, 10, timedelta(hours=1)))


@pytest.fixture
def acme(clean_database: None) -> Tenant:
    return make_tenant("Acme", "acme")


def attempt(*keys: throttle.Key) -> int:
    """Seconds to wait; 0 when the attempt is let through."""
    try:
        with platform_unit_of_work() as session:
            throttle.count_attempt(session, keys)
    except TooManyAttemptsError as error:
        return error.retry_after_s
    return 0


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (5, 0), (6, 2), (7, 4), (8, 8), (15, 900), (1000, 900)],
)
def test_the_wait_doubles_and_has_an_end(failures: int, seconds: int) -> None:
    assert delay(failures, PAIR) == timedelta(seconds=seconds)


def test_an_account_alone_is_never_shut_for_longer_than_half_a_minute() -> None:
    assert delay(10_000, PERSON) == timedelta(seconds=30)
    assert delay(10_000, PLACE) == timedelta(minutes=15)


@pytest.mark.parametrize(
    ("ip", "place"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2345::9", "2001:db8:1:2300::/56"),
        ("", ""),
        ("not an address", "not an address"),
    ],
)
def test_a_place_is_a_network(ip: str, place: str) -> None:
    assert place_of(ip) == place


def test_a_refused_attempt_is_not_counted(clean_database: None) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        assert [attempt(KEY) for _ in range(6)] == [0, 0, 0, 2, 2, 2]
        clock.shift(2)
        assert [attempt(KEY), attempt(KEY)] == [0, 4]


def test_one_waiting_key_holds_back_the_others_uncounted(clean_database: None) -> None:
    other = make_key("test", "other", limit=Limit(2, 10, timedelta(hours=1)))
    with time_machine.travel(now(), tick=False):
        for _ in range(3):
            attempt(KEY)
        assert attempt(KEY, other) == 2
        assert [attempt(other) for _ in range(4)] == [0, 0, 0, 2]


def test_what_was_right_is_forgiven_or_taken_back(clean_database: None) -> None:
    with time_machine.travel(now(), tick=False):
        for _ in range(3):
            attempt(KEY)
        with platform_unit_of_work() as session:
            throttle.take_back(session, [KEY])
        assert [attempt(KEY), attempt(KEY)] == [0, 2]
        with platform_unit_of_work() as session:
            throttle.forgive(session, [KEY])
        assert [attempt(KEY) for _ in range(4)] == [0, 0, 0, 2]


def test_a_key_does_not_tell_who_it_is() -> None:
    name = make_key("sign_in_person", "owner@acme.example", limit=PERSON).name

    assert "owner" not in name
    assert name != make_key("sign_in_person", "owner@acme.examplf", limit=PERSON).name
    assert make_key("a", "x", "yz", limit=PAIR) != make_key("a", "xy", "z", limit=PAIR)


def test_old_rows_are_swept(acme: Tenant) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        attempt(KEY)
        with platform_unit_of_work() as session:
            account = signin_accounts.get_account(session, "office", acme.owner_id)
            password_resets.create_reset(session, account)
            begin(session, acme)
        sweep()
        assert count_rows() == (1, 1, 1)
        clock.shift(timedelta(days=40))
        sweep()
        assert count_rows() == (0, 0, 0)


def begin(session, acme: Tenant) -> str:
    return signin_sessions.begin_session(
        session,
        area="office",
        subject_id=acme.owner_id,
        reseller_id=acme.id,
        ip="127.0.0.1",
        user_agent="x" * 5000,
    )


def sweep() -> None:
    with platform_unit_of_work() as session:
        throttle.delete_old_throttles(session)
        password_resets.delete_old_resets(session)
        signin_sessions.delete_old_sessions(session)


def count_rows() -> tuple[int, ...]:
    with platform_unit_of_work() as session:
        return tuple(
            session.scalar(select(func.count()).select_from(table))
            for table in (SignInThrottle, PasswordReset, SignInSession)
        )


def test_a_session_knows_the_whole_person(acme: Tenant) -> None:
    west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
    with platform_unit_of_work() as session:
        identity = signed_in.find_staff(session, begin(session, acme), "127.0.0.1")

    assert identity is not None
    assert identity.reseller_ids == (acme.id, west.id)
    assert identity.reseller_name == "Acme"
    assert identity.role_name == "Owner"
    assert identity.permissions == frozenset(Permission)


def test_a_clients_language_is_its_own_else_its_resellers(acme: Tenant) -> None:
    client = make_client(acme, "Orbit", login="orbit", timezone="Asia/Tokyo")
    with platform_unit_of_work() as session:
        token = signin_sessions.begin_session(
            session,
            area="panel",
            subject_id=client.id,
            reseller_id=acme.id,
            ip="",
            user_agent="",
        )
        identity = signed_in.find_client(session, token)
        assert signed_in.find_staff(session, token, "127.0.0.1") is None

    assert identity is not None
    assert (identity.locale, identity.timezone) == ("en", "Asia/Tokyo")
    assert identity.reseller_ids == (acme.id,)


def test_a_password_changed_between_the_check_and_the_session_begins_none(acme: Tenant) -> None:
    with platform_unit_of_work() as session:
        account = signin_accounts.get_account(session, "office", acme.owner_id)
    with platform_unit_of_work() as session:
        signin.change_password(session, account, "seventeen kettles", ip="", reason="x")

    with platform_unit_of_work() as session:
        token = signin.record_sign_in(session, account, password=PASSWORD, ip="", user_agent="")

    assert token is None
    assert count_rows() == (0, 0, 0)


def test_sign_in_tables_are_closed_to_the_tenants_roles(acme: Tenant) -> None:
    from sqlalchemy.exc import ProgrammingError

    for table in (SignInSession, SignInThrottle, PasswordReset, PlatformUser):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            tenant_scope(acme.scope),
            unit_of_work() as session,
        ):
            session.execute(select(table))


def test_staff_are_made_with_a_role_and_audited(acme: Tenant) -> None:
    with tenant_scope(acme.scope), unit_of_work() as session:
        role = create_role(
            session,
            reseller_id=acme.id,
            name=" Billing  desk ",
            permissions=[Permission.INVOICES_READ, Permission.CLIENTS_READ],
        )
        user = create_user(
            session,
            reseller_id=acme.id,
            role_id=role.id,
            email="Desk@Acme.example",
            name="The Desk",
            password="seventeen blue kettles",
        )

    assert role.name == "Billing desk"
    assert role.permissions == ["clients:read", "invoices:read"]
    assert passwords.verify_password(user.password_hash, "seventeen blue kettles")
    with tenant_scope(acme.scope), unit_of_work() as session:
        rows = session.scalars(select(AuditRecord).order_by(AuditRecord.id.desc()).limit(2)).all()
    assert [(row.action, row.object_type) for row in rows] == [
        ("create", "user"),
        ("create", "role"),
    ]
    assert "kettles" not in str(rows[0].changes)


def make_user(acme: Tenant, **changes: object) -> User:
    with tenant_scope(acme.scope), unit_of_work() as session:
        given = {
            "reseller_id": acme.id,
            "role_id": session.scalar(select(Role.id).where(Role.name == "Viewer")),
            "email": "new@acme.example",
            "name": "New",
        }
        return create_user(session, **{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "OWNER@acme.example"}, "email"),
        ({"email": "no address"}, "email"),
        ({"email": "имя@acme.example"}, "email"),
        ({"email": ""}, "email"),
        ({"name": "  "}, "name"),
        ({"role_id": 0}, "role_id"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"password": "short"}, "password"),
        ({"password": "new@acme.example"}, "password"),
    ],
)
def test_a_wrong_field_is_named(acme: Tenant, changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make_user(acme, **changes)

    assert refused.value.field == field


def test_a_role_of_another_tenant_is_no_choice(acme: Tenant) -> None:
    globex = make_tenant("Globex", "globex")
    with platform_unit_of_work() as session:
        foreign = session.scalar(select(Role.id).where(Role.reseller_id == globex.id).limit(1))

    with pytest.raises(InvalidInputError, match="Choose a role"):
        make_user(acme, role_id=foreign)


def test_somebody_without_a_password_cannot_sign_in_but_ask_for_a_link(acme: Tenant) -> None:
    user = make_user(acme)

    with platform_unit_of_work() as session:
        account = signin_accounts.get_account(session, "office", user.id)
        assert signin.find_match([account], "", "127.0.0.1") is None
        token = password_resets.create_reset(session, account)
        assert password_resets.find_reset(session, ("office",), token) == account


def test_two_platform_users_cannot_share_an_address(clean_database: None) -> None:
    with platform_unit_of_work() as session:
        create_platform_user(session, email="a@platform.example", name="A")
        with pytest.raises(InvalidInputError, match="has this address"):
            create_platform_user(session, email="A@platform.example", name="A")
        with pytest.raises(InvalidInputError, match="Choose a role"):
            create_platform_user(session, email="b@platform.example", name="B", role="god")
