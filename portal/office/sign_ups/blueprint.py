"""The blueprint that the modules of this folder add their views to."""

from flask import Blueprint

bp = Blueprint("office_sign_ups", __name__, url_prefix="/office/sign-ups")
CHANGED = "sign-ups-changed"
