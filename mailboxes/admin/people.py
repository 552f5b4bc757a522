"""Humans: who they are, what they may do in which account."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.contrib.auth.password_validation import validate_password
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from mailboxes import accounts, clock, people
from mailboxes.errors import Problem
from mailboxes.ids import parse_id
from mailboxes.models import Member, Role, User

from .base import OperatorAdmin, ReadOnlyInline, operator
from .resetting import ask_or_reset


class OperatorPasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg] # no subscript at run time
    """A password that an operator gives to a human: it proves one, unlike that from an agent's signup."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("usable_password", None)
        for name in ("password1", "password2"):
            self.fields[name].required = True

    def save(self, commit: bool = True) -> User:
        assert isinstance(self.user, User)
        people.set_password(self.user, self.cleaned_data["password1"], by="operator", now=clock.now())
        return self.user


class MembershipInline(ReadOnlyInline):
    model = Member
    fields = ("account", "role", "created_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("account")


@admin.register(User)
class PersonAdmin(OperatorAdmin[User], UserAdmin[User]):
    """People come by signup, as members, or (operators) by the shell. Here they get passwords and are kept out."""

    list_display = (
        "email",
        "name",
        "is_active",
        "is_staff",
        "email_verified_at",
        "password_set_at",
        "second_factor_at",
        "last_login",
    )
    list_filter = (
        "is_active",
        "is_staff",
        ("password_set_at", admin.EmptyFieldListFilter),
        ("second_factor_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("email", "name")
    ordering = ("-pk",)
    filter_horizontal = ()
    fieldsets = None
    fields = (
        "email",
        "name",
        "is_active",
        "is_staff",
        "email_verified_at",
        "password_set_at",
        "password_page",
        "second_factor_at",
        "last_login",
        "created_at",
    )
    readonly_fields = fields
    change_password_form = OperatorPasswordForm
    change_user_password_template = "admin/set_password.html"  # noqa: S105 - a file
    actions = ("deactivate", "activate", "reset_second_factor")
    inlines = (MembershipInline,)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return self.has_operate_permission(request)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> User | None:
        # Not get(), as Django does: who looks was read by get() too, and two of a kind in one request look like a loop.
        parsed = parse_id(object_id)
        return self.get_queryset(request).filter(pk=parsed).first() if parsed else None

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        return [(None, {"fields": self.fields})]

    @admin.display(description="password")
    def password_page(self, user: User) -> str:
        url = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('<a href="{}">Set a new password</a>', url)

    @admin.action(description="Keep out (deactivate)", permissions=["operate"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset.exclude(pk=str(request.user.pk)):
            people.set_active(user, False, by=operator(request), now=clock.now())

    @admin.action(description="Let in again (activate)", permissions=["operate"])
    def activate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            people.set_active(user, True, by=operator(request), now=clock.now())

    @admin.action(description="Reset the second step…", permissions=["operate"])
    def reset_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        return ask_or_reset(self, request, queryset)


class NewMemberForm(forms.ModelForm[Member]):
    """Another human of an account, with a password to hand over."""

    email = forms.EmailField(max_length=254)
    password = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), max_length=1000)

    class Meta:
        model = Member
        fields = ("account", "role")

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).lower()
        if User.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError("This email has an account already.")
        return email

    def clean_password(self) -> str:
        validate_password(self.cleaned_data["password"])
        return str(self.cleaned_data["password"])


class RoleForm(forms.ModelForm[Member]):
    class Meta:
        model = Member
        fields = ("role",)

    def clean_role(self) -> str:
        role = str(self.cleaned_data["role"])
        others = Member.objects.filter(account_id=self.instance.account_id, role=Role.OWNER).exclude(
            pk=self.instance.pk
        )
        was_owner = self.initial.get("role") == Role.OWNER
        if was_owner and role != Role.OWNER and not others.exists():
            raise forms.ValidationError("This is the only owner of the account: make somebody else an owner first.")
        return role


@admin.register(Member)
class MemberAdmin(OperatorAdmin[Member]):
    list_display = ("user", "account", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "account")
    search_fields = ("user__email", "=account__slug")
    autocomplete_fields = ("account",)
    form = RoleForm
    readonly_fields = ("created_at",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_operate_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Member | None = None) -> bool:
        # "cannot edit own role": who needs more asks another operator.
        return self.has_operate_permission(request) and (obj is None or obj.user_id != request.user.pk)

    def get_form(self, request: HttpRequest, obj: Member | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = NewMemberForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Member | None = None) -> tuple[str, ...]:
        return ("user", "account", "role", "created_at") if obj else ("account", "role", "email", "password")

    def get_readonly_fields(self, request: HttpRequest, obj: Member | None = None) -> tuple[str, ...]:
        return ("user", "account", "created_at") if obj else ()

    def save_model(self, request: HttpRequest, obj: Member, form: Any, change: bool) -> None:
        if change:
            self._change_role(request, obj, form)
            return
        cleaned = form.cleaned_data
        made = accounts.add_member(
            obj.account, email=cleaned["email"], password=cleaned["password"], role=obj.role, now=clock.now()
        )
        obj.pk, obj.user = made.pk, made.user

    def _change_role(self, request: HttpRequest, obj: Member, form: Any) -> None:
        try:
            people.change_role(obj, form.cleaned_data["role"], by=operator(request), now=clock.now())
        except Problem as problem:  # another operator was faster
            self.tell(request, problem)
