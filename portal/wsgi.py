"""What a WSGI server loads, once in each of its processes.

The only place of the portal that knows the worker's queue: it hands committed jobs over to it.
"""

from billing import voucher_pins
from core import clock, platform_uow, schema, uow
from core.config import load_settings
from core.logs import configure_logging
from mail import queue
from portal.app import create_app
from worker.send import send_jobs_to

settings = load_settings()
configure_logging(settings.log_level)
schema.refuse_unsafe_database(settings)
clock.follow_database()
uow.configure(settings)
platform_uow.configure(settings)
queue.configure(settings)
voucher_pins.configure(settings)
send_jobs_to(settings.redis_url)
app = create_app(settings)
