"""The blueprint that the modules of this folder add their views to."""

from flask import Blueprint

bp = Blueprint("office_auto_payment", __name__, url_prefix="/office/auto-payment")
