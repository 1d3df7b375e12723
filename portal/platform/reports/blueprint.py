"""The blueprint that the modules of this folder add their views to."""

from flask import Blueprint

bp = Blueprint("platform_reports", __name__, url_prefix="/platform/reports")
