from importlib import import_module

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        # Tasks are woken by name, so someone has to load them; nobody imports them (.importlinter, "tasks").
        import_module("billing.tasks")
        for name in ("checks", "departures", "exporting"):
            import_module(f"billing.{name}")
        plan_facts = import_module("mailboxes.plan_facts")
        plan_facts.told_by(import_module("billing.subscriptions").facts)
