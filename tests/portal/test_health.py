"""Supervisors, load balancers and Prometheus."""

import json
from datetime import timedelta

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from core import schedule
from core.clock import now
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from mail.models import MailMessage
from portal.app import create_app
from tenants.resellers import create_reseller


@pytest.fixture(scope="module")
def ready_settings(settings, redis_server):
    return settings.model_copy(update={"redis_url": redis_server.url})


@pytest.fixture(scope="module")
def ready_app(ready_settings):
    return create_app(ready_settings)


@pytest.fixture
def http(ready_app):
    return ready_app.test_client()


def test_a_process_that_lives_says_so(http):
    answer = http.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_a_process_with_all_its_services_is_ready(http):
    answer = http.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {"database": True, "schema": True, "queue": True}


@pytest.mark.parametrize(
    ("setting", "value", "missing"),
    [
        ("redis_url", "redis://127.0.0.1:1/0", {"queue"}),
        ("database_url_panel", "postgresql+psycopg://x@127.0.0.1:1/x", {"database"}),
        ("database_url_platform", "postgresql+psycopg://x@127.0.0.1:1/x", {"database", "schema"}),
    ],
)
def test_without_a_service_it_is_not_ready_and_says_which(ready_settings, setting, value, missing):
    broken = ready_settings.model_copy(update={setting: value})
    answer = create_app(broken).test_client().get("/readyz")
    assert answer.status_code == 503
    assert {name for name, answers in answer.json.items() if not answers} == missing
    assert "127.0.0.1" not in answer.text


def test_a_lost_redis_is_noticed_and_its_return_too(ready_settings, redis_server, http):
    redis_server.kill()
    try:
        assert http.get("/readyz").json["queue"] is False
    finally:
        redis_server.start()
    assert http.get("/readyz").json["queue"] is True


def _figures(http, **options) -> dict[str, float]:
    answer = http.get("/metrics", **options)
    assert answer.status_code == 200
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_requests_are_counted_by_endpoint_and_status(http):
    name = 'portal_requests_total{endpoint="health.healthz",method="GET",status="200"}'
    before = _figures(http).get(name, 0)
    for _ in range(3):
        http.get("/healthz")
    http.get("/nowhere/1")
    figures = _figures(http)
    assert figures[name] == before + 3
    assert 'portal_requests_total{endpoint="unknown",method="GET",status="404"}' in figures
    assert not any("nowhere" in one for one in figures)
    assert 'portal_request_seconds_count{endpoint="health.healthz",status="200"}' in figures


def test_the_age_of_the_oldest_waiting_mail_is_shown(http, clean_database):
    assert _figures(http)['portal_waiting{queue="mail"}'] == 0
    with platform_unit_of_work() as session:
        reseller = create_reseller(
            session, name="Acme", code="acme", currency_code="USD", timezone="UTC"
        )
        session.add(
            MailMessage(
                id=new_id(),
                reseller_id=reseller.id,
                kind="report",
                dedupe_key="report:1",
                message_id="<1@acme.example>",
                from_address="billing@acme.example",
                to_address="client@client.example",
                subject="Report",
                body_text="",
                next_attempt_at=now(),
                created_at=now() - timedelta(hours=1),
            )
        )
    figures = _figures(http)
    assert figures['portal_waiting{queue="mail"}'] == 1
    assert 3600 <= figures['portal_oldest_wait_seconds{queue="mail"}'] < 3700
    assert figures['portal_oldest_wait_seconds{queue="refills"}'] == 0
    assert figures["portal_ledger_broken"] == 0
    assert figures["portal_database_up"] == 1


def test_sweeps_show_when_they_last_ran_and_whether_they_failed(http):
    with platform_unit_of_work() as session:
        schedule.claim_due(session, {"test.sweep": 10})
        schedule.begin_run(session, "test.sweep")
        schedule.record_run(session, "test.sweep", found=7, error="RuntimeError")
    figures = _figures(http)
    assert figures['portal_sweep_found{sweep="test.sweep"}'] == 7
    assert figures['portal_sweep_failures{sweep="test.sweep"}'] == 1
    assert figures['portal_sweep_age_seconds{sweep="test.sweep"}'] < 60
    with platform_unit_of_work() as session:
        session.query(schedule.ScheduledRun).filter_by(name="test.sweep").delete()


def test_in_development_only_this_machine_reads_the_figures(http):
    stranger = {"REMOTE_ADDR": "192.0.2.7"}
    assert http.get("/metrics", environ_base=stranger).status_code == 403


@pytest.mark.parametrize(
    ("token", "header", "status"),
    [
        ("right-token", "Bearer right-token", 200),
        ("right-token", "Bearer wrong-token", 403),
        ("right-token", "right-token", 403),
        ("right-token", "Bearer ", 403),
        ("right-token", None, 403),
        ("", "Bearer ", 403),
        ("", None, 403),
    ],
)
def test_in_production_only_the_bearer_of_the_token_reads_them(
    ready_settings, token, header, status
):
    from pydantic import SecretStr

    production = ready_settings.model_copy(
        update={"environment": "production", "metrics_token": SecretStr(token)}
    )
    http = create_app(production).test_client()
    headers = {} if header is None else {"Authorization": header}
    assert http.get("/metrics", headers=headers).status_code == status


@pytest.fixture
def log_lines():
    with capture_logs(processors=[merge_contextvars]) as lines:
        yield lines


def test_every_request_leaves_one_line_with_its_id_and_no_secret(http, log_lines):
    answer = http.get(
        "/reset-nothing/a-secret-token?password=a-secret-password",
        headers={"Cookie": "office_session=a-secret-cookie", "X-Request-ID": "request-12345"},
    )
    assert answer.status_code == 404
    [line] = [one for one in log_lines if one["event"] == "request"]
    assert line["request_id"] == "request-12345"
    assert (line["method"], line["status"], line["rule"]) == ("GET", 404, None)
    assert line["duration_s"] >= 0
    assert "a-secret" not in json.dumps(log_lines, default=str)
