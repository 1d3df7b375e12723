"""What a WSGI server loads."""

from core.config import load_settings
from core.logs import configure_logging
from portal.app import create_app

settings = load_settings()
configure_logging(settings.log_level)
app = create_app(settings)
