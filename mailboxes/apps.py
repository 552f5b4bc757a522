from importlib import import_module

from django.apps import AppConfig


class MailboxesConfig(AppConfig):
    name = "mailboxes"

    def ready(self) -> None:
        import_module("mailboxes.checks")
        import_module("mailboxes.exporting")  # registers its tables
        import_module("mailboxes.erasing")  # registers its steps, the lowest floor first
