"""A test client that behaves like a browser on one of our own pages."""

import secrets
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from werkzeug.test import TestResponse

from core.platform_uow import platform_unit_of_work
from portal.csrf import SAFE_METHODS
from portal.sessions import cookie_name, realm_of_area
from tenants.signin_sessions import Area, begin_session

HTMX = {"HX-Request": "true"}


class Browser(FlaskClient):
    """Writes carry the session's form token and Sec-Fetch-Site, unless the test sends its own."""

    def open(self, *args: Any, headers: Any = None, **kwargs: Any) -> TestResponse:
        sent = dict(headers or {})
        if kwargs.get("method", "GET") not in SAFE_METHODS:
            sent.setdefault("Sec-Fetch-Site", "same-origin")
            sent.setdefault("X-CSRFToken", self.form_token(kwargs.get("base_url")))
        return super().open(*args, headers=sent, **kwargs)

    def form_token(self, base_url: str | None = None) -> str:
        """What a page drawn for this browser would carry."""
        with self.session_transaction(base_url=base_url) as session:
            secret = session.setdefault("csrf_token", secrets.token_hex(20))
        app = self.application
        return str(URLSafeTimedSerializer(app.secret_key, salt="wtf-csrf-token").dumps(secret))

    def cookie_value(self, area: Area) -> str | None:
        """The sign-in cookie of the area, as the browser holds it."""
        with self.application.app_context():
            cookie = self.get_cookie(cookie_name(realm_of_area(area)))
        return None if cookie is None else cookie.value

    def give_cookie(self, area: Area, token: str) -> None:
        with self.application.app_context():
            self.set_cookie(cookie_name(realm_of_area(area)), token)


def open_browser(app: Flask) -> Browser:
    """A browser of somebody who is not signed in."""
    app.test_client_class = Browser
    browser = app.test_client()
    assert isinstance(browser, Browser)
    return browser


def signed_in(app: Flask, area: Area, subject_id: int, reseller_id: int | None) -> Browser:
    """A browser with a fresh session of this person, made as sign-in makes it."""
    with platform_unit_of_work() as session:
        token = begin_session(
            session,
            area=area,
            subject_id=subject_id,
            reseller_id=reseller_id,
            ip="127.0.0.1",
            user_agent="Test",
        )
    browser = open_browser(app)
    browser.give_cookie(area, token)
    return browser


def sign_in(browser: Browser, email: str, password: str, **more: Any) -> TestResponse:
    """Send the form at /login."""
    return browser.post("/login", data={"email": email, "password": password}, **more)


def sign_in_client(browser: Browser, login: str, password: str, **more: Any) -> TestResponse:
    """Send the form at /clients/login."""
    return browser.post("/clients/login", data={"login": login, "password": password}, **more)
