"""`/n/<token>/`, where the links in notices lead, and `/settings/notices/`, what a member wants to hear."""

from __future__ import annotations

from django.contrib import messages
from django.forms.models import model_to_dict
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods, require_safe

from mailboxes.errors import Invalid
from oversight import notice_wishes, signed_links
from oversight.console import shell
from oversight.console.notice_forms import ChatForm, NoticesForm
from oversight.console.visit import Visit, find_visit, page, sign_in_url


@require_safe
def notice_link(request: HttpRequest, token: str) -> HttpResponse:
    """Leads a signed-in member to the review; changes nothing, however often and by whomever it is fetched."""
    response = _followed(request, token)
    add_never_cache_headers(response)
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _followed(request: HttpRequest, token: str) -> HttpResponse:
    linked = signed_links.read(token)
    if linked is None:
        return render(request, "oversight/link_over.html", {"hours": signed_links.hours()}, status=410)
    visit = find_visit(request.user, session=request.session)
    if visit is None:
        return render(request, "oversight/notice_link.html", {"sign_in_url": sign_in_url(request)})
    meant = next((member for member in visit.members if member.pk == linked.member_id), None)
    if meant is None:
        raise Http404("This link is for somebody else.")
    if meant.pk != visit.member.pk:
        return render(request, "oversight/notice_link.html", {"account": meant.account})
    return redirect("console:review", review_id=linked.review_id)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def settings(request: HttpRequest, visit: Visit) -> HttpResponse:
    """A member's wishes and, for owners and admins, the account's chat tool."""
    wishes = notice_wishes.of(visit.member)
    form = NoticesForm(request.POST if _is_for("wishes", request) else None, initial=model_to_dict(wishes))
    known = {"chat_url": notice_wishes.chat_url(visit.member)}
    chat = ChatForm(request.POST if _is_for("chat", request) else None, initial=known)
    if form.is_bound and form.is_valid():
        notice_wishes.choose(visit.member, form.wishes(), now=visit.now)
        messages.success(request, "Saved.")
        return redirect("console:notices")
    if chat.is_bound and chat.is_valid() and _is_chat_set(visit, chat):
        messages.success(request, "Saved.")
        return redirect("console:notices")
    context = {"form": form, "chat": chat}
    status = 422 if form.errors or chat.errors else 200
    return shell.render(request, visit, "oversight/notices.html", context, status=status)


def _is_chat_set(visit: Visit, form: ChatForm) -> bool:
    try:
        notice_wishes.set_chat(visit.member, form.cleaned_data["chat_url"], now=visit.now)
    except Invalid as error:
        form.add_error("chat_url", error.sentence)
        return False
    return True


def _is_for(what: str, request: HttpRequest) -> bool:
    return request.method == "POST" and request.POST.get("what") == what
