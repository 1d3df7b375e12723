"""The blueprint of the Pending payments screen."""

from flask import Blueprint

bp = Blueprint("office_pending", __name__, url_prefix="/office/pending-payments")
