"""What `dramatiq worker.main` loads, once in each of its processes.

Supervise with restart: Dramatiq ends all processes when one of them dies. End the whole control
group: its workers outlive a killed master.
"""

import dramatiq

from core import clock, schema
from core.config import load_settings
from core.logs import configure_logging
from worker import process

settings = load_settings()
configure_logging(settings.log_level)
schema.refuse_unsafe_database(settings)
clock.follow_database()
broker = process.prepare(settings)
dramatiq.set_broker(broker)
