"""The blueprint that the modules of this folder add their views to."""

from flask import Blueprint

bp = Blueprint("panel_transactions", __name__, url_prefix="/clients/transactions")
