"""The blueprint of the SureTax screens."""

from flask import Blueprint

bp = Blueprint("office_suretax", __name__, url_prefix="/office/suretax")
