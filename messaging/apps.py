from importlib import import_module

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "messaging"

    def ready(self) -> None:
        # Tasks are woken by name, so someone has to load them; nobody imports them (.importlinter, "tasks").
        import_module("messaging.tasks")
        import_module("messaging.checks")
        import_module("messaging.inbound.holding")  # hears events
        import_module("messaging.inbound.withholding")  # hears events
        import_module("messaging.outbound.resuming")  # hears events
        import_module("messaging.events.doorbell")  # hears events
        import_module("messaging.webhooks.doorbell")  # hears events
        import_module("messaging.exporting")  # registers its tables
        import_module("messaging.erasing")  # registers its steps
