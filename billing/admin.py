"""Checkouts and plans in Django admin. Every change goes through a verb, and an approval is asked twice."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from mailboxes import clock
from mailboxes.admin.base import OperatorAdmin, operator
from mailboxes.errors import Problem

from . import checkouts, plans, subscriptions
from .models import AccountPlan, Checkout, Ending, Period, Subscription


@admin.register(Checkout)
class CheckoutAdmin(OperatorAdmin[Checkout]):
    list_display = ("created_at", "account", "plan", "period", "price", "via", "state", "expires_at", "closed_by")
    list_filter = ("state", "via", "plan")
    list_select_related = ("account",)
    search_fields = ("=id", "=account__slug", "=session_id")
    fields = (
        "id",
        "account",
        "plan",
        "period",
        "price",
        "via",
        "state",
        "asked_by",
        "created_at",
        "expires_at",
        "closed_at",
        "closed_by",
        "session_id",
        "next_check_at",
    )
    actions = ("approve", "decline")

    @admin.display(description="price")
    def price(self, checkout: Checkout) -> str:
        return plans.money(checkout.amount, checkout.currency)

    @admin.action(description="Approve: the account gets the plan", permissions=["operate"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Checkout]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self._ask(request, queryset)
        for checkout in queryset:
            try:
                checkouts.approve(checkout, by=operator(request), now=clock.now())
            except Problem as problem:
                self.tell(request, problem)
        return None

    @admin.action(description="Decline", permissions=["operate"])
    def decline(self, request: HttpRequest, queryset: QuerySet[Checkout]) -> None:
        for checkout in queryset:
            try:
                checkouts.decline(checkout, by=operator(request), now=clock.now())
            except Problem as problem:
                self.tell(request, problem)

    def _ask(self, request: HttpRequest, queryset: QuerySet[Checkout]) -> HttpResponse:
        rows = [(checkout, self.price(checkout)) for checkout in queryset.select_related("account")]
        context = {
            **self.admin_site.each_context(request),
            "title": "Approve these upgrades?",
            "opts": self.opts,
            "rows": rows,
        }
        return TemplateResponse(request, "admin/billing/approve.html", context)


class PlanForm(forms.ModelForm[AccountPlan]):
    """The plan that an operator grants. A larger one that is paid at Stripe must end there first."""

    plan = forms.ChoiceField()
    period = forms.ChoiceField(choices=Period.choices, help_text="What GET /v1/account tells of the account.")

    class Meta:
        model = AccountPlan
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["plan"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [(name, name) for name in plans.names()]
        choice.initial = self.instance.plan


@admin.register(AccountPlan)
class AccountPlanAdmin(OperatorAdmin[AccountPlan]):
    list_display = ("slug", "name", "plan")
    list_filter = ("plan",)
    search_fields = ("=slug", "name", "members__user__email")
    form = PlanForm
    fields = ("slug", "name", "plan", "period")
    readonly_fields = ("slug", "name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccountPlan]:
        return super().get_queryset(request).filter(is_platform=False, test_of__isnull=True)

    def has_change_permission(self, request: HttpRequest, obj: AccountPlan | None = None) -> bool:
        return self.has_operate_permission(request)

    def save_model(self, request: HttpRequest, obj: AccountPlan, form: Any, change: bool) -> None:
        plan, period = plans.get(form.cleaned_data["plan"]), form.cleaned_data["period"]
        try:
            subscriptions.grant(obj, plan, period=period, by=operator(request), now=clock.now())
        except Problem as problem:
            self.tell(request, problem)


@admin.register(Subscription)
class SubscriptionAdmin(OperatorAdmin[Subscription]):
    list_display = ("created_at", "account", "plan", "period", "is_live", "status", "stripe_id", "granted_by")
    list_filter = ("is_live", "plan")
    list_select_related = ("account",)
    search_fields = ("=account__slug", "=stripe_id", "=customer_id")
    fields = (*list_display, "customer_id", "next_check_at")


@admin.register(Ending)
class EndingAdmin(OperatorAdmin[Ending]):
    """What must still end at Stripe, and does not answer."""

    list_display = ("stripe_id", "attempts", "next_check_at")
    fields = list_display
