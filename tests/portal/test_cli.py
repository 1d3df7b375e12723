"""The command line, run as people run it."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, text

from core.platform_uow import platform_unit_of_work
from portal.cli import main
from tenants.models import PlatformUser, Reseller
from tenants.passwords import verify_password
from tenants.resellers import create_reseller
from tenants.signin_models import SignInSession

PASSWORD = "violet harbour sandwich"


@pytest.fixture
def portal(settings, redis_server, monkeypatch):
    """Run a command; answers click's result."""
    monkeypatch.setenv("REDIS_URL", redis_server.url)
    # pytest reads the handlers of the root logger; the command line would put its own in place
    monkeypatch.setattr("portal.cli.configure_logging", lambda level: None)

    def run(*arguments: str, **environment: str):
        return CliRunner().invoke(main, list(arguments), env=environment)

    return run


def test_a_missing_setting_is_named(portal):
    result = portal("check", SECRET_KEY="short", SMTP_HOST=None)
    assert result.exit_code == 1
    assert "SECRET_KEY" in result.output
    assert "SMTP_HOST" in result.output
    assert "short" not in result.output.replace("shorter", "")


def test_check_passes_on_a_sound_installation(portal):
    result = portal("check")
    assert (result.exit_code, "FAILED" in result.output) == (0, False)


def test_check_tells_a_mighty_role(portal, settings):
    result = portal("check", DATABASE_URL_OFFICE=settings.database_url_owner)
    assert result.exit_code == 1
    assert "portal_owner is too mighty" in result.output


def test_check_tells_a_queue_that_is_down(portal):
    result = portal("check", REDIS_URL="redis://127.0.0.1:1/0")
    assert result.exit_code == 1
    assert "queue: FAILED" in result.output


def test_migrate_makes_a_database_from_nothing(portal, postgres):
    result = portal(
        "migrate",
        DATABASE_URL_ADMIN=postgres.url("postgres", "postgres"),
        DATABASE_URL_OWNER=postgres.url("portal_owner", "from_nothing"),
    )
    assert result.exit_code == 0, result.output
    assert "is at revision" in result.output
    again = portal(
        "migrate",
        DATABASE_URL_ADMIN="",
        DATABASE_URL_OWNER=postgres.url("portal_owner", "from_nothing"),
    )
    assert again.exit_code == 0


def test_migrate_needs_the_owner(portal):
    result = portal("migrate", DATABASE_URL_OWNER="")
    assert result.exit_code == 1
    assert "DATABASE_URL_OWNER" in result.output


def test_an_admin_made_here_can_sign_in(portal, clean_database):
    result = portal(
        "create-admin", "--email", "ada@platform.example", "--name", "Ada", "--password", PASSWORD
    )
    assert result.exit_code == 0, result.output
    with platform_unit_of_work() as session:
        user = session.scalars(select(PlatformUser)).one()
    assert (user.email, user.role) == ("ada@platform.example", "admin")
    assert verify_password(user.password_hash, PASSWORD)


def test_the_password_is_asked_for_and_never_shown(portal, clean_database):
    result = CliRunner().invoke(
        main,
        ["create-admin", "--email", "ada@platform.example", "--name", "Ada"],
        input=f"{PASSWORD}\n{PASSWORD}\n",
    )
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output


@pytest.mark.parametrize(
    ("email", "password"), [("not an address", PASSWORD), ("ada@platform.example", "short")]
)
def test_a_wrong_admin_is_refused_in_words(portal, clean_database, email, password):
    result = portal("create-admin", "--email", email, "--name", "Ada", "--password", password)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert "Traceback" not in result.output


def test_a_password_set_here_ends_every_session(portal, acme):
    from tenants import signin_sessions
    from tests.factories.cast import make_platform_user

    user_id = make_platform_user("ada@platform.example")
    with platform_unit_of_work() as session:
        signin_sessions.begin_session(
            session,
            area="platform",
            subject_id=user_id,
            reseller_id=None,
            ip="192.0.2.1",
            user_agent="",
        )
    result = portal("reset-password", "--email", "ada@platform.example", "--password", PASSWORD)
    assert result.exit_code == 0, result.output
    with platform_unit_of_work() as session:
        user = session.get(PlatformUser, user_id)
        assert verify_password(user.password_hash, PASSWORD)
        open_ones = session.scalar(
            select(func.count()).where(
                SignInSession.subject_id == user_id,
                SignInSession.area == "platform",
                SignInSession.ended_at.is_(None),
            )
        )
    assert open_ones == 0


def test_a_lost_second_factor_is_taken_away_on_the_server(portal, acme, app):
    from tenants.signin_models import SecondFactor
    from tests.portal.factors import give_factor

    give_factor(app, "office", acme.owner_id)
    again = ("reset-second-factor", "--email", acme.owner_email)
    result = portal(*again)
    assert result.exit_code == 0, result.output
    with platform_unit_of_work() as session:
        assert session.scalar(select(SecondFactor.subject_id)) is None
    result = portal(*again)
    assert result.exit_code == 1
    assert "has no second factor" in result.output


def test_a_password_of_nobody_is_refused(portal, clean_database):
    result = portal("reset-password", "--email", "no@body.example", "--password", PASSWORD)
    assert result.exit_code == 1
    assert "Nobody of the staff" in result.output


def test_the_ledger_check_names_every_reseller_and_what_is_wrong(portal, acme, globex, settings):
    fine = portal("ledger", "check")
    assert fine.exit_code == 0, fine.output
    assert "acme: ok" in fine.output
    assert "globex: ok" in fine.output
    from tests.factories.cast import make_client

    client = make_client(acme, "Orbit Calls")
    from sqlalchemy import create_engine

    engine = create_engine(settings.database_url_admin.replace("/postgres?", "/portal?"))
    with engine.begin() as connection:
        connection.execute(
            text("update client_balances set live = live + 1 where client_id = :id"),
            {"id": client.id},
        )
    engine.dispose()
    wrong = portal("ledger", "check")
    assert wrong.exit_code == 1
    assert "acme: WRONG" in wrong.output
    assert f"balance_differs: client {client.id}" in wrong.output
    assert "globex: ok" in wrong.output
    assert portal("ledger", "check", "--reseller", "globex").exit_code == 0


def test_the_ledger_of_nobody_is_an_error(portal, clean_database):
    with platform_unit_of_work() as session:
        create_reseller(session, name="A", code="a", currency_code="USD", timezone="UTC")
        assert session.scalar(select(func.count()).select_from(Reseller)) == 1
    result = portal("ledger", "check", "--reseller", "nobody")
    assert result.exit_code == 1
    assert "no reseller" in result.output


def test_the_demo_is_printed_for_scripts_and_for_people(portal, tmp_path):
    logins = [
        {
            "area": "office",
            "reseller": "Acme",
            "user": "owner@acme.example",
            "password": "demo",
            "role": "owner",
        }
    ]
    (tmp_path / "demo.json").write_text(json.dumps({"logins": logins}))
    site = {"VAR_DIR": str(tmp_path), "SANDBOX_URLS": "mailbox=http://127.0.0.1:8082"}
    printed = json.loads(portal("demo", "--json", **site).output)
    assert printed["logins"] == logins
    assert printed["urls"]["office"] == "http://127.0.0.1:8080/login"
    assert printed["urls"]["mailbox"] == "http://127.0.0.1:8082"
    assert "owner@acme.example" in portal("demo", **site).output


def test_without_a_demo_it_says_how_to_get_one(portal, tmp_path):
    result = portal("demo", "--json", VAR_DIR=str(tmp_path))
    assert result.exit_code == 1
    assert "make run" in result.output


def test_the_example_names_every_setting():
    from pathlib import Path

    from core.config import Settings

    lines = (Path(__file__).parents[2] / ".env.example").read_text().splitlines()
    named = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    assert named == {name.upper() for name in Settings.model_fields} | {"PROMETHEUS_MULTIPROC_DIR"}
