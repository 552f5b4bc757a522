"""How operators see rows in Django admin: they look, and what they change goes through a verb."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest
from django.utils.functional import cached_property

from mailboxes.errors import Problem
from mailboxes.models import User

M = TypeVar("M", bound=Model)

MOST_LISTED = 5_000  # beyond that nobody leafs: a search or a filter finds it


class NewestPaginator(Paginator[Any]):
    """Pages of the newest rows: to count a table of millions costs more than all else on the page."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list  # a queryset, says ModelAdmin
        return int(rows[:MOST_LISTED].count())


def is_operator(request: HttpRequest) -> bool:
    user = request.user
    return isinstance(user, User) and user.is_active and user.is_staff


def operator(request: HttpRequest) -> str:
    """What stands in an event's `by` for an act of an operator."""
    return f"operator:{request.user.pk}"


class OperatorAdmin(admin.ModelAdmin[M]):
    """Rows are looked at, never added, changed or deleted. A subclass opens what its verbs can do."""

    show_full_result_count = False  # counts every row of the table at each look
    paginator = NewestPaginator
    list_per_page = 50
    ordering = ("-pk",)  # UUIDv7: newest first, by the index of the primary key

    def get_readonly_fields(self, request: HttpRequest, obj: M | None = None) -> Any:
        # What the database fills in is no field of a form, so what is only looked at is named read-only.
        return self.readonly_fields if self.has_change_permission(request, obj) else self.get_fields(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_operator(request)

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return is_operator(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """For actions: `@admin.action(permissions=["operate"])`."""
        return is_operator(request)

    def tell(self, request: HttpRequest, problem: Problem) -> None:
        """Show the operator why a verb refused."""
        self.message_user(request, f"{problem.sentence} {problem.fix}".strip(), level=messages.ERROR)


class ReadOnlyInline(admin.TabularInline[Any, Any]):
    """Rows under their parent, to look at."""

    extra = 0
    can_delete = False
    show_change_link = True

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields or ()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_operator(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
