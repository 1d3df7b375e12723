"""A page of every component with lifelike figures: looked at by people, measured by tests."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache

from flask import Blueprint, Flask, abort, flash, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    DecimalField,
    EmailField,
    FileField,
    HiddenField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Email, Length

from core.config import Settings
from core.errors import (
    ConflictError,
    InvalidInputError,
    LimitError,
    NotAllowedError,
    NotFoundError,
    TemporaryError,
    TooManyAttemptsError,
)
from portal import navigation
from portal.app import create_app
from portal.headers import allow_form_action
from portal.htmx import hx, render, toast
from portal.navigation import Link, LinkGroup
from portal.viewer import Viewer, set_viewer

bp = Blueprint("gallery", __name__, url_prefix="/gallery", template_folder="templates")

NOW = datetime(2026, 11, 23, 14, 5, 9, tzinfo=UTC)
NAMES = [
    "Zenith Carrier SA", "Nordwave AB", "Białystok VoIP Sp. z o.o.", "Ωμέγα Τηλεπικοινωνίες",
    "Sunrise Calls Inc", "Globaltel FZE", "Acme Telecom Ltd", "Донбас Телеком",
    "Trans-Atlantic Termination Partners Aktiengesellschaft", "Ruby Wholesale", "東京通信",
    "Kılıç İletişim A.Ş.", "Overseas Minutes LLC", "Puente Voz SpA", "Lumen & Sons", "شركة الخليج",
]  # fmt: skip
TERMS = ["Weekly 7/5", "Monthly 1/15", "Prepaid", "Bi-monthly 15/7"]
TAGS = ["wholesale", "retail", "fraud-watch", "latam", "vip", "risk"]
STATES = [
    ("active", "ok"),
    ("active", "ok"),
    ("active", "ok"),
    ("stop", "warn"),
    ("deleted", "off"),
]


EXPLANATION = [
    {"label": "Payments", "amount": Decimal(5250), "note": "12 approved payments", "href": "/"},
    {"label": "Usage", "amount": Decimal("-4118.337115"), "note": "up to 23 Nov, 14:00"},
    {"label": "Package fees", "amount": Decimal("-129.90")},
    {"label": "Extra charges", "amount": Decimal("-117.558385"), "note": "with 19 % tax"},
    {"label": "Credit allowed", "amount": Decimal(500)},
]
ENTRIES = [
    ("cash", "Refill by card", "Today, 09:12", Decimal(250)),
    ("phone-outgoing", "Calls", "Yesterday", Decimal("-84.318250")),
    ("package", "Package Europe 5000", "1 November", Decimal("-49.9")),
    ("repeat", "Auto payment", "28 October", Decimal("312.44")),
]
INVOICES = [
    ("INV-2026-0117", "due in 3 days", "warn", Decimal("412.07")),
    ("INV-2026-0098", "paid", "ok", Decimal("388.5")),
    ("INV-2026-0081", "paid", "ok", Decimal("401.12")),
]


class ClientForm(FlaskForm):
    """The client form's blocks, with a field of every kind."""

    version = HiddenField()
    name = StringField("Name", [DataRequired(), Length(max=200)])
    reseller = SelectField("Reseller", choices=["EuroVoice BV", "LatAm Minutes"])
    currency = SelectField("Currency", choices=["USD", "EUR", "GBP"])
    timezone = SelectField("Timezone", choices=["UTC", "Europe/Berlin", "America/New_York"])
    status = RadioField("Status", choices=["active", "stop"], default="active")
    tags = StringField("Tags")
    tax_profile = SelectField("Tax profile", choices=["None", "VAT 19 %"])
    since = DateField("Client since")
    panel = BooleanField("Client Panel")
    login = StringField("Login")
    password = PasswordField("Password")
    postpaid = BooleanField("Postpaid")
    credit = DecimalField("Credit")
    terms = SelectField("Payment Terms", choices=TERMS)
    capacity = IntegerField("Capacity")
    autopay = BooleanField("Auto Payment")
    extra = DecimalField("Extra Amount")
    company = StringField("Company name")
    email = EmailField("Main email", [Email()])
    billing = EmailField("Billing email")
    address = TextAreaField("Address")
    groups = SelectMultipleField("Notify", choices=["Rates", "Invoices", "Outages"])
    contract = FileField("Contract")


def rows() -> list[dict[str, object]]:
    """Clients as a list screen shows them."""
    made = []
    for number in range(26):
        live = Decimal(37_102_215_500 - number * 3_741_930_777 % 41_000_000_000).scaleb(-6)
        if number % 9 == 3:
            live = -live / 3
        state, tone = STATES[number % len(STATES)]
        made.append({
            "id": 1001 + number,
            "name": NAMES[number % len(NAMES)],
            "is_postpaid": number % 7 == 5,
            "available": live + 500,
            "live": live,
            "fixed": live - Decimal("355.330000"),
            "currency": ("USD", "EUR", "GBP", "JPY")[number % 4],
            "terms": TERMS[number % 4],
            "tags": TAGS[number % 6 : number % 6 + number % 4] + (["gold"] * (number % 5 == 0)),
            "reseller": ("EuroVoice BV", "LatAm Minutes", "Pan-Asia Reach")[number % 3],
            "state": state,
            "tone": tone,
            "has_invoices": number % 3 != 0,
        })  # fmt: skip
    return made


def office_viewer(**changes: object) -> Viewer:
    """Somebody of the back office."""
    given = {"name": "Dana Weber", "area": "office", "reseller_name": "EuroVoice BV",
             "detail": "Owner", "timezone": "Europe/Berlin"}  # fmt: skip
    return Viewer(**{**given, **changes})  # type: ignore[arg-type]


def menu(area: str, current: str) -> list[LinkGroup]:
    """The area's whole menu, whichever screens exist."""
    return [
        LinkGroup(
            str(section.label or ""),
            [Link(str(e.label), "/gallery/clients", e.icon, str(e.label) == current)
             for e in section.entries],
        )
        for section in navigation.AREAS[area]  # type: ignore[index]
    ]  # fmt: skip


def client_form() -> ClientForm:
    """The form as it is drawn for a client who has most things set."""
    return ClientForm(
        name="Acme Telecom Ltd", panel=True, login="acme", credit=Decimal("2500"),
        extra=Decimal(50), company="Acme Telecommunications Limited", email="office@acme.example",
        since=date(2024, 3, 1), address="12 Harbour Street\nDublin 2", version="14",
    )  # fmt: skip


@bp.get("/clients")
def clients() -> ResponseReturnValue:
    set_viewer(office_viewer(banner=request.args.get("banner", "")))
    shown = rows() if not request.args.get("q") else []
    sort = request.args.get("sort", "name")
    context = {"rows": shown, "sort": sort, "search": request.args.get("q", "")}
    return render(
        "gallery/clients.html", "gallery/_table.html", menu=menu("office", "Clients"), **context
    )


@bp.route("/clients/edit", methods=["GET", "POST"])
def edit_client() -> ResponseReturnValue:
    set_viewer(office_viewer())
    form = client_form()
    if form.validate_on_submit():
        done = {"dialog:close": {}, "toast": toast("Acme Telecom Ltd is saved.")}
        return hx(trigger=done, reswap="none")
    status = 422 if form.is_submitted() else 200
    page = render(
        "gallery/edit.html", "gallery/_form.html", form=form, status=status,
        menu=menu("office", "Clients"),
    )  # fmt: skip
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


@bp.get("/components")
def components() -> ResponseReturnValue:
    set_viewer(
        office_viewer(name="Priya Natarajan", detail="Admin", area="platform", reseller_name="")
    )
    if "flash" in request.args:
        flash("The invoice is on its way.", "success")
        flash("The mail server refused the password.", "error")
    form = client_form()
    form.process(formdata=None, obj=None, data={"status": "stop"})
    form.email.errors = ["Enter a valid e-mail address."]
    form.postpaid.errors = ["Choose one of both."]
    form.status.errors = ["A deleted client cannot be stopped."]
    return render(
        "gallery/components.html", form=form, at=NOW, earlier=NOW - timedelta(days=3),
        menu=menu("platform", "Resellers"), explain_rows=EXPLANATION,
        explain_total=sum((row["amount"] for row in EXPLANATION), Decimal(0)),
    )  # fmt: skip


@bp.get("/panel")
def panel() -> ResponseReturnValue:
    set_viewer(
        Viewer(name="Sean Murphy", area="panel", reseller_name="EuroVoice BV",
               detail="Acme Telecom Ltd", timezone="Europe/Dublin")
    )  # fmt: skip
    return render(
        "gallery/panel.html", menu=menu("panel", "Overview"), balance=Decimal("1384.204500"),
        credit=Decimal(500), entries=ENTRIES, invoices=INVOICES,
    )  # fmt: skip


@bp.get("/door")
def door() -> ResponseReturnValue:
    return render("gallery/door.html", form=client_form())


@bp.get("/progress")
def progress_page() -> ResponseReturnValue:
    set_viewer(office_viewer())
    step = request.args.get("step", 0, int)
    context = {"step": step, "menu": menu("office", "Refills")}
    return render("gallery/progress.html", "gallery/_progress.html", **context)


@bp.get("/pay")
def pay() -> ResponseReturnValue:
    allow_form_action("https://accept.example/payment/payment")
    return render("gallery/door.html", form=client_form())


@bp.post("/write")
def write() -> ResponseReturnValue:
    return hx("written", trigger={"toast": toast("Written.")}, reswap="none")


ERRORS = {
    "input": InvalidInputError("The amount is too large.", field="amount"),
    "missing": NotFoundError("Client 17 of reseller 3 is not yours."),
    "refused": NotAllowedError("Only an owner may do this."),
    "conflict": ConflictError("Dana Weber saved this client a minute ago."),
    "limit": LimitError("The daily cap of 500.00 EUR is reached."),
    "throttled": TooManyAttemptsError("Please wait 30 seconds.", retry_after_s=30),
    "temporary": TemporaryError("The payment gateway does not answer."),
}


@bp.route("/fail/<kind>", methods=["GET", "POST"])
def fail(kind: str) -> ResponseReturnValue:
    area = request.args.get("area", "public")
    if area != "public":
        set_viewer(office_viewer(area=area))
    if kind.isdigit():
        abort(int(kind))
    if kind == "bug":
        raise RuntimeError("a secret of the inside")
    raise ERRORS[kind]


def gallery_settings(**changes: object) -> Settings:
    """Settings that reach nothing: the gallery needs no database."""
    given: dict[str, object] = {
        "environment": "development", "database_url_office": "postgresql://none",
        "database_url_panel": "postgresql://none", "database_url_platform": "postgresql://none",
        "redis_url": "redis://none", "secret_key": "k" * 32, "base_url": "http://localhost:5000",
        "credential_keys": "a:" + "A" * 43 + "=", "smtp_host": "localhost",
        "mail_from": "a@b.example",
    }  # fmt: skip
    return Settings(**{**given, **changes})  # type: ignore[arg-type]


def gallery_app(**changes: object) -> Flask:
    """The real application with the gallery added."""
    return create_app(gallery_settings(**changes), bp)


@cache
def standing_gallery() -> Flask:
    """One gallery for all tests that change nothing of it; requests have their own sessions."""
    return gallery_app()
