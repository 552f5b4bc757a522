import logging.config
from importlib import import_module

import email_validator
from django.apps import AppConfig
from django.conf import settings


class GatepostConfig(AppConfig):
    name = "config"
    verbose_name = "Gatepost"

    def ready(self) -> None:
        logging.config.dictConfig(settings.LOGGING)
        # Any well-formed domain may be configured and written to; what can't be delivered, the relay says.
        email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()
        import_module("config.celery")
        import_module("config.checks")
