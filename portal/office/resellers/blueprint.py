"""The blueprints that the modules of this folder add their views to.

Two, because the menu marks the entry of a page's blueprint: the resellers beneath, and the own
company's settings.
"""

from flask import Blueprint

bp = Blueprint("office_resellers", __name__, url_prefix="/office/resellers")
settings_bp = Blueprint("office_settings", __name__, url_prefix="/office/settings")
