"""What a person sees when something does not work: one page, or one toast for htmx."""

from dataclasses import dataclass

import structlog
from flask import Flask, Response, make_response, request
from flask_babel import LazyString, gettext
from flask_babel import lazy_gettext as _l
from psycopg.errors import (
    DeadlockDetected,
    ForeignKeyViolation,
    ReadOnlySqlTransaction,
    UniqueViolation,
)
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InternalError, OperationalError
from werkzeug.exceptions import HTTPException

from core.errors import AppError, NotFoundError, TooManyAttemptsError
from portal.htmx import hx, render, toast, wants_partial
from portal.request_id import request_id
from portal.viewer import current_viewer
from portal.wording import refusal

logger = structlog.get_logger("portal.errors")

LAYOUTS = {
    "office": "office/layout.html",
    "platform": "platform/layout.html",
    "panel": "panel/layout.html",
    "public": "signin/layout.html",
}


@dataclass(frozen=True, slots=True)
class Wording:
    title: LazyString
    text: LazyString


WORDINGS = {
    400: Wording(
        _l("This form is out of date"),
        _l("It was open for a long time, or you have signed in again since. Load the page anew."),
    ),
    401: Wording(_l("Please sign in"), _l("You are not signed in, or your session has ended.")),
    402: Wording(_l("A limit is reached"), _l("This is more than your present limit allows.")),
    403: Wording(_l("Not allowed"), _l("Your role does not include this action.")),
    404: Wording(
        _l("Not found"),
        _l("There is nothing at this address. It may have been moved or deleted."),
    ),
    405: Wording(_l("Not possible here"), _l("This address does not take that kind of request.")),
    409: Wording(
        _l("Somebody was faster"),
        _l("This has changed since you opened it. Load it anew and try again."),
    ),
    413: Wording(_l("Too large"), _l("What you sent is larger than we take.")),
    422: Wording(_l("Please check your input"), _l("Something in it cannot be taken as it is.")),
    429: Wording(_l("Too many attempts"), _l("Please wait a little before you try again.")),
    500: Wording(
        _l("Something went wrong on our side"),
        _l("The failure is recorded. Nothing was saved. Please try again in a moment."),
    ),
    503: Wording(
        _l("Not available for the moment"),
        _l("A part of the service does not answer. Please try again in a minute."),
    ),
}


def init_app(app: Flask) -> None:
    """Answer every failure of `app` in words."""
    app.register_error_handler(AppError, _on_app_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(DataError, _on_unstorable)
    app.register_error_handler(InternalError, _on_internal)
    app.register_error_handler(IntegrityError, _on_lost_race)
    app.register_error_handler(OperationalError, _on_lost_race)
    app.register_error_handler(Exception, _on_unknown)


def sign_in_address() -> str:
    """Where a person of the area of this address signs in."""
    is_panel = request.path == "/clients" or request.path.startswith("/clients/")
    return "/clients/login" if is_panel else "/login"


def _on_app_error(error: AppError) -> Response:
    if error.http_status >= 500:
        logger.error("request_failed", code=error.code, exc_info=error)
    # a missing row and another tenant's row must look alike; a broken invariant explains nothing
    is_private = isinstance(error, NotFoundError) or error.http_status == 500
    response = _answer(error.http_status, "" if is_private else refusal(error))
    if isinstance(error, TooManyAttemptsError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _on_http_error(error: HTTPException) -> Response | HTTPException:
    if error.code is None or error.code < 400 or error.response is not None:
        return error
    response = _answer(error.code, "")
    for name, value in error.get_headers():
        if name.lower() in {"allow", "retry-after"}:
            response.headers[name] = value
    return response


def _on_unstorable(error: DataError) -> Response:
    """A NUL in a text, a number beyond its column: whoever sent it, nothing is broken here."""
    logger.warning("request_unstorable", reason=type(error.orig).__name__)
    return _answer(422, "")


def _on_internal(error: InternalError) -> Response:
    """The database refuses a write of somebody who may only look: the last wall, not the first."""
    if not isinstance(error.orig, ReadOnlySqlTransaction):
        return _on_unknown(error)
    logger.warning("request_only_looking", endpoint=request.endpoint)
    return _answer(403, gettext("You may only look here, and this would change something."))


def _on_lost_race(error: DBAPIError) -> Response:
    """Two did the same at one moment, or one removed what the other was at: nothing was saved."""
    if not isinstance(error.orig, (UniqueViolation, ForeignKeyViolation, DeadlockDetected)):
        return _on_unknown(error)
    logger.warning("request_lost_race", reason=type(error.orig).__name__, exc_info=error)
    return _answer(409, "")


def _on_unknown(error: Exception) -> Response:
    logger.error("request_failed", code="unexpected", exc_info=error)
    return _answer(500, "")


def _answer(status: int, message: str) -> Response:
    try:
        return _fragment(status, message) if wants_partial() else _page(status, message)
    except Exception as error:  # the page that tells of a failure must not fail itself
        logger.error("error_page_failed", exc_info=error)
        text = f"Something went wrong on our side. Request {request_id()}\n"
        return make_response(text, status, {"Content-Type": "text/plain; charset=utf-8"})


def _wording(status: int) -> Wording:
    return WORDINGS.get(status, WORDINGS[500 if status >= 500 else 422])


def _page(status: int, message: str) -> Response:
    wording = _wording(status)
    return render(
        "errors/error.html",
        status=status,
        code=status,
        layout=LAYOUTS[current_viewer().area],
        title=wording.title,
        text=message or wording.text,
        request_id=request_id(),
        sign_in_address=sign_in_address(),
    )


def _fragment(status: int, message: str) -> Response:
    wording = _wording(status)
    if status == 401:
        return hx(make_response("", 401), redirect=sign_in_address())
    text = message or f"{wording.title}. {wording.text}"
    if status >= 500:
        # app.js shows these words with the request's id and a way to try again
        response = hx(make_response(text, status), reswap="none")
        response.content_type = "text/plain; charset=utf-8"
        return response
    # the place that asked keeps what it shows; the toast says what happened
    detail = toast(text, "error", request_id=request_id())
    return hx(make_response("", status), trigger={"toast": detail}, reswap="none")
