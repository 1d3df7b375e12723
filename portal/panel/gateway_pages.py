"""Gateways as the panel uses them, and the page that hands the browser over to one of theirs."""

from functools import partial

from flask import Response, current_app

from payments.gateway_accounts import OpenGateway, open_gateway
from payments.gateways.base import HostedPage
from portal.headers import allow_form_action
from portal.htmx import render


def gateway_opener() -> OpenGateway:
    """How to open a gateway account with this application's settings."""
    return partial(open_gateway, settings=current_app.extensions["settings"])


def leave_for(page: HostedPage, *, title: str, text: str, back_href: str) -> Response:
    """A page whose form leads to the gateway's own; it sends itself, or by its button.

    Only this one answer may post to that origin. Answered to a POST and sent while it still loads,
    it takes no place in the browser's history: Back leads to where the person came from.
    """
    allow_form_action(page.url)
    return render("panel/leave.html", page=page, title=title, text=text, back_href=back_href)
