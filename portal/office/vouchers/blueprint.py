"""The blueprint that the modules of this folder add their views to."""

from flask import Blueprint

bp = Blueprint("office_vouchers", __name__, url_prefix="/office/vouchers")
CHANGED = "vouchers-changed"
