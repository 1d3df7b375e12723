"""The blueprint of the Invoices screen."""

from flask import Blueprint

bp = Blueprint("office_invoices", __name__, url_prefix="/office/invoices")
