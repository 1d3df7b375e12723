"""The blueprint that the modules of this folder add their views to."""

from flask import Blueprint

bp = Blueprint("office_mass_edit", __name__, url_prefix="/office/mass-edit")
