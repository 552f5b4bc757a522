"""Django admin for operators. The tenants' own humans use the console."""

from django.contrib import admin
from django.contrib.auth.models import Group

from . import accounts, addresses, credentials, events, people, stops, support

__all__ = ["accounts", "addresses", "credentials", "events", "people", "stops", "support"]

# Whoever is staff may see everything here, and nobody may do more: groups would promise otherwise.
admin.site.unregister(Group)
