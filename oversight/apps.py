from importlib import import_module

from django.apps import AppConfig


class OversightConfig(AppConfig):
    name = "oversight"

    def ready(self) -> None:
        # Tasks are woken by name, so someone has to load them; nobody imports them (.importlinter, "tasks").
        import_module("oversight.tasks")
        import_module("oversight.acts")  # asks people for leave
        import_module("oversight.admission")  # hears of arrived mail
        import_module("oversight.copies")  # hears of what people let go
        import_module("oversight.demotions")  # hears of rejections, complaints and suspensions
        import_module("oversight.due_notices")  # hears events
        import_module("oversight.revoked_keys")  # hears of revoked keys
        import_module("oversight.exporting")  # registers its tables
        import_module("oversight.erasing")  # registers its step
        import_module("oversight.departures")  # hears of messages that are erased
