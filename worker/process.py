"""What every process of the worker does first, after any fork."""

import importlib
import pkgutil
from types import ModuleType

from dramatiq.brokers.redis import RedisBroker

import worker.actors
import worker.sweeps
from billing import voucher_pins
from core import jobs, uow
from core.config import Settings
from mail import queue
from worker import context
from worker.broker import make_broker
from worker.send import make_sender


def prepare(made: Settings) -> RedisBroker:
    """Databases, job sending, all actors and sweeps; answers the broker that runs them."""
    context.configure(made)
    uow.configure(made)
    worker.sweeps.configure(made)
    queue.configure(made)
    voucher_pins.configure(made)
    import_all(worker.actors)
    import_all(worker.sweeps)
    broker = make_broker(made.redis_url)
    jobs.configure(make_sender(broker))
    return broker


def import_all(package: ModuleType) -> None:
    """Import every module of `package`, so that its actors or sweeps register themselves."""
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
