"""For every promise of config.invariants at least one forgery that breaks it, in the same files."""

from . import arriving, counting, deciding, recording, sealing, sending, stopping, telling, tenancy
from .forging import Forgery

FORGERIES: list[tuple[str, Forgery]] = [
    *sending.FORGERIES,
    *stopping.FORGERIES,
    *deciding.FORGERIES,
    *sealing.FORGERIES,
    *recording.FORGERIES,
    *telling.FORGERIES,
    *tenancy.FORGERIES,
    *arriving.FORGERIES,
    *counting.FORGERIES,
]
