"""What a development site runs, as data: the steps before, the process table, the steps after."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.dev_site import HOST, Ports, Site
from sandbox.supervisor import Program

PYTHON = sys.executable
SANDBOXES, JOBS, WEB = 1, 2, 3  # stages: they start in this order and stop in the reverse


@dataclass(frozen=True, slots=True)
class Step:
    """A command that has to end well before the site goes on."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """The site's programs; `ready_url` answers 200 when the site is ready.

    `addresses` are what a person opens; `sign_ins` is a command whose JSON output has `logins`.
    """

    prepare: Sequence[Step] = ()
    programs: Sequence[Program] = ()
    fill: Sequence[Step] = ()
    ready_url: str | None = None
    addresses: Mapping[str, str] = field(default_factory=dict)
    sign_ins: Step | None = None


def make_settings(
    site_urls: Mapping[str, str], database_urls: Mapping[str, str], secrets: Mapping[str, str]
) -> dict[str, str]:
    """Settings of the product on this site, by the names of `core/config.py`.

    `site_urls` has base, authorizenet, stripe, suretax, mailbox and smtp; `database_urls` owner,
    office, panel, platform and redis.
    """
    gateway = site_urls["authorizenet"]
    return {
        **secrets,
        "ENVIRONMENT": "development",
        "BASE_URL": site_urls["base"],
        "DATABASE_URL_OWNER": database_urls["owner"],
        "DATABASE_URL_OFFICE": database_urls["office"],
        "DATABASE_URL_PANEL": database_urls["panel"],
        "DATABASE_URL_PLATFORM": database_urls["platform"],
        "REDIS_URL": database_urls["redis"],
        "SMTP_HOST": HOST,
        "SMTP_PORT": site_urls["smtp"].rpartition(":")[2],
        "SMTP_STARTTLS": "false",
        "MAIL_FROM": "billing@portal.example",
        # both of the gateway's modes lead to the sandbox: no demo card reaches the real service
        "AUTHORIZENET_LIVE_API_URL": f"{gateway}/xml/v1/request.api",
        "AUTHORIZENET_LIVE_HOSTED_URL": gateway,
        "AUTHORIZENET_TEST_API_URL": f"{gateway}/xml/v1/request.api",
        "AUTHORIZENET_TEST_HOSTED_URL": gateway,
        "STRIPE_API_URL": site_urls["stripe"],
        # neither mode of SureTax leaves this machine: no demo invoice stands in real tax reports
        "SURETAX_LIVE_URL": site_urls["suretax"],
        "SURETAX_TEST_URL": site_urls["suretax"],
        "SANDBOX_URLS": ",".join(
            f"{name}={site_urls[name]}" for name in ("mailbox", "authorizenet", "stripe", "suretax")
        ),
    }


def _portal(*arguments: str) -> list[str]:
    return [PYTHON, "-m", "portal.cli", *arguments]


def _sandboxes(site: Site) -> list[Program]:
    ports = site.ports
    mailbox = [PYTHON, "-m", "sandbox.mailbox", "--smtp-port", str(ports.smtp)]
    mailbox += ["--http-port", str(ports.mailbox), "--store", str(site.var_dir / "mailbox")]
    gateway = [PYTHON, "-m", "sandbox.authorizenet", "--host", HOST]
    gateway += ["--port", str(ports.authorizenet)]
    gateway += ["--state", str(site.var_dir / "authorizenet.sqlite")]
    stripe = [PYTHON, "-m", "sandbox.stripe", "--host", HOST, "--port", str(ports.stripe)]
    stripe += ["--state", str(site.var_dir / "stripe.sqlite")]
    suretax = [PYTHON, "-m", "sandbox.suretax", "--host", HOST, "--port", str(ports.suretax)]
    suretax += ["--state", str(site.var_dir / "suretax.sqlite")]
    return [
        Program("mailbox", mailbox, SANDBOXES, grace_s=2, environment=site.environment),
        Program("authorizenet", gateway, SANDBOXES, grace_s=2, environment=site.environment),
        Program("stripe", stripe, SANDBOXES, grace_s=2, environment=site.environment),
        Program("suretax", suretax, SANDBOXES, grace_s=2, environment=site.environment),
    ]


def _workers(*queues: str) -> list[str]:
    command = [PYTHON, "-m", "dramatiq", "worker.main", "--processes", "1", "--threads", "4"]
    # our own logging stands alone: one JSON object a line
    command += ["--worker-shutdown-timeout", "2500", "--skip-logging"]
    return [*command, "--queues", *queues]


def _product(site: Site) -> list[Program]:
    web = [PYTHON, "-m", "granian", "--interface", "wsgi", "portal.wsgi:app"]
    # one thread a process: more of them make a Python process slower, not faster
    web += ["--workers", "2", "--blocking-threads", "1", "--respawn-failed-workers"]
    web += ["--host", HOST, "--port", str(site.ports.web), "--workers-kill-timeout", "2"]
    tick = [PYTHON, "-m", "worker.tick"]
    return [
        # apart, so that a mail server that hangs cannot hold up a payment
        Program(
            "payment-workers", _workers("payments", "default"), JOBS, environment=site.environment
        ),
        # hundreds of the demo's invoices are drawn at first; pages come before that
        Program(
            "mail-workers",
            ["nice", "-n", "19", *_workers("mail", "billing")],
            JOBS,
            environment=site.environment,
        ),
        Program("tick", tick, JOBS, environment=site.environment),
        Program("web", web, WEB, environment=site.environment),
    ]


def _addresses(ports: Ports) -> dict[str, str]:
    base = ports.url(ports.web)
    return {
        "Back office": f"{base}/login",
        "Platform": f"{base}/platform/",
        "Client panel": f"{base}/clients/",
        "Mailbox": ports.url(ports.mailbox),
        "Authorize.net sandbox": ports.url(ports.authorizenet),
        "Stripe sandbox": ports.url(ports.stripe),
        "SureTax sandbox": ports.url(ports.suretax),
        "Metrics": f"{base}/metrics",
    }


def product_plan(site: Site, *, demo: bool = True) -> Plan:
    """All of it: migrations, sandboxes, workers, tick, web server, demo data, sign-ins."""
    environment = site.environment
    return Plan(
        prepare=[Step("migrate", _portal("migrate"), site.admin_environment)],
        programs=[*_sandboxes(site), *_product(site)],
        fill=[Step("demo", _portal("demo", "--fill"), environment)] if demo else [],
        ready_url=f"{site.ports.url(site.ports.web)}/readyz",
        addresses=_addresses(site.ports),
        sign_ins=Step("sign-ins", _portal("demo", "--json"), environment) if demo else None,
    )
