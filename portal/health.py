"""Whether this process lives, whether it can work, and its figures for Prometheus."""

import hmac
import ipaddress
import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import redis
import structlog
from flask import Blueprint, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import Select, func, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.exc import SQLAlchemyError

from billing.models import ClientBilling, LedgerCheck
from core import schedule, schema
from core.clock import now
from core.config import Settings
from core.db import Session
from core.engines import make_engine
from core.errors import InvariantError, NotAllowedError
from core.invariants import list_results
from core.platform_uow import platform_unit_of_work
from mail.models import MailMessage
from payments.models import Refill
from portal.access import public_view

OPEN_REFILLS = ("requested", "processing", "held", "unknown")
bp = Blueprint("health", __name__)
_log = structlog.get_logger(__name__)


@bp.get("/healthz")
@public_view(reason="a supervisor asks whether the process lives; it tells nothing else")
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return Response("ok\n", content_type="text/plain; charset=utf-8")


@bp.get("/readyz")
@public_view(reason="a load balancer asks whether requests can be answered; it names no detail")
def readyz() -> ResponseReturnValue:
    """Every database role, the schema and the queue answer; else 503 and what does not."""
    settings: Settings = current_app.extensions["settings"]
    state = check_services(settings)
    return jsonify(state), 200 if all(state.values()) else 503


@bp.get("/metrics")
@public_view(reason="Prometheus has no session: a token of its own, or this very machine")
def metrics() -> ResponseReturnValue:
    """All figures; in production for the bearer of METRICS_TOKEN, else for this machine only."""
    _check_reader(current_app.extensions["settings"])
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # untyped in the package
    else:
        registry.register(_ThisProcess())
    registry.register(_Database())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def check_services(settings: Settings) -> dict[str, bool]:
    """Which of the services that this program needs do their part."""
    return {
        "database": all(
            _answers(url)
            for url in (
                settings.database_url_office,
                settings.database_url_panel,
                settings.database_url_platform,
            )
        ),
        "schema": _is_current(settings),
        "queue": _queue_answers(settings.redis_url),
    }


def _answers(url: str) -> bool:
    try:
        with make_engine(url).connect() as connection:
            connection.execute(text("select 1"))
    except SQLAlchemyError:
        _log.warning("ready.database", exc_info=True)
        return False
    return True


def _is_current(settings: Settings) -> bool:
    try:
        schema.check_revision(settings)
    except (InvariantError, SQLAlchemyError):
        _log.warning("ready.schema", exc_info=True)
        return False
    return True


def _queue_answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        _log.warning("ready.queue", exc_info=True)
        return False


def _check_reader(settings: Settings) -> None:
    if settings.is_production:
        token = settings.metrics_token.get_secret_value()
        given = request.headers.get("Authorization", "").encode()
        if token and hmac.compare_digest(given, f"Bearer {token}".encode()):
            return
    elif request.remote_addr and ipaddress.ip_address(request.remote_addr).is_loopback:
        return
    raise NotAllowedError("These figures are not for everybody.")


class _ThisProcess(Collector):
    """What the only process has counted."""

    def collect(self) -> Iterator[Metric]:
        yield from REGISTRY.collect()


class _Database(Collector):
    """What only the database knows, for all tenants together and without naming any."""

    def collect(self) -> Iterator[Metric]:
        try:
            with platform_unit_of_work() as session:
                families = [
                    *_waiting(session),
                    *_sweeps(session),
                    *_ledger(session),
                    *_invariants(session),
                ]
        except SQLAlchemyError:
            _log.warning("metrics.database", exc_info=True)
            families = []
        yield GaugeMetricFamily(
            "portal_database_up", "1 when the database answered.", float(bool(families))
        )
        yield from families


def _waiting(session: Session) -> list[Metric]:
    count = GaugeMetricFamily("portal_waiting", "Rows that wait for a worker.", labels=["queue"])
    age = GaugeMetricFamily(
        "portal_oldest_wait_seconds", "Age of the oldest of them.", labels=["queue"]
    )
    queues: dict[str, Select[Any, Any]] = {
        "mail": select(func.count(), func.min(MailMessage.created_at)).where(
            MailMessage.state.in_(("queued", "sending"))
        ),
        "refills": select(func.count(), func.min(Refill.created_at)).where(
            Refill.state.in_(OPEN_REFILLS)
        ),
        "invoices": select(func.count(), func.min(ClientBilling.next_invoice_at)).where(
            ClientBilling.autoinvoicing, ClientBilling.next_invoice_at <= now()
        ),
    }
    for queue, query in queues.items():
        rows, oldest = session.execute(query).one()
        count.add_metric([queue], rows)
        age.add_metric([queue], _age_s(oldest))
    return [count, age]


def _sweeps(session: Session) -> list[Metric]:
    age = GaugeMetricFamily(
        "portal_sweep_age_seconds", "Since the sweep last ended.", labels=["sweep"]
    )
    found = GaugeMetricFamily("portal_sweep_found", "Rows it found then.", labels=["sweep"])
    failures = GaugeMetricFamily(
        "portal_sweep_failures", "Times in a row that it failed.", labels=["sweep"]
    )
    for run in schedule.list_runs(session):
        if run.finished_at is not None:
            age.add_metric([run.name], _age_s(run.finished_at))
        found.add_metric([run.name], run.found)
        failures.add_metric([run.name], run.failures)
    return [age, found, failures]


def _ledger(session: Session) -> list[Metric]:
    newest = (
        select(LedgerCheck.ok, LedgerCheck.at)
        .ext(distinct_on(LedgerCheck.reseller_id))
        .order_by(LedgerCheck.reseller_id, LedgerCheck.id.desc())
        .subquery()
    )
    broken, oldest = session.execute(
        select(func.count().filter(~newest.c.ok), func.min(newest.c.at)).select_from(newest)
    ).one()
    return [
        GaugeMetricFamily(
            "portal_ledger_broken", "Resellers whose last ledger check found something.", broken
        ),
        GaugeMetricFamily(
            "portal_ledger_check_age_seconds",
            "Age of the oldest last check of any reseller.",
            _age_s(oldest),
        ),
    ]


def _invariants(session: Session) -> list[Metric]:
    broken = GaugeMetricFamily(
        "portal_invariant_broken",
        "1 when the rule did not hold at its last check.",
        labels=["rule"],
    )
    age = GaugeMetricFamily(
        "portal_invariant_age_seconds", "Since the rule was last asked.", labels=["rule"]
    )
    for result in list_results(session):
        broken.add_metric([result.rule], float(not result.ok))
        age.add_metric([result.rule], _age_s(result.checked_at))
    return [broken, age]


def _age_s(since: datetime | None) -> float:
    return 0.0 if since is None else (now() - since).total_seconds()
