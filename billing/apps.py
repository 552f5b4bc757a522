from importlib import import_module

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        # Tasks are woken by name, so someone has to load them; nobody imports them (.importlinter, "tasks").
        import_module("billing.tasks")
