"""The blueprint that the modules of this folder add their views to."""

from flask import Blueprint

bp = Blueprint("office_webhooks", __name__, url_prefix="/office/webhooks")
