"""The blueprint of the Invoices screen."""

from flask import Blueprint

bp = Blueprint("panel_invoices", __name__, url_prefix="/clients/invoices")
