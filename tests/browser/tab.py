"""One tab of one person's browser, watched: what it asks for, what its policy refuses, what goes wrong in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from oversight.models import Review

# A wait that ends when it has what it waits for costs nothing; a loaded machine needs the whole of it.
PATIENCE_MS = 60_000
AXE = (Path(__file__).parent / "vendor/axe-4.14.1.min.js").read_text()
WATCH_POLICY = """
    document.addEventListener("securitypolicyviolation", (event) => reportViolation(
        `${event.violatedDirective} ${event.blockedURI} in ${location.pathname}`));
"""


class Tab:
    """Thin ways to what tests say often; everything else by `page`."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context, self.url = context, url
        context.set_default_timeout(PATIENCE_MS)
        self.page: Page = context.new_page()
        self.violations: list[str] = []
        self.errors: list[str] = []
        self.strays: list[str] = []
        self.dialogs: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("response", self._note_answer)
        self.page.on("dialog", self._note_dialog)
        context.expose_function("reportViolation", lambda text: self.violations.append(text))
        context.add_init_script(WATCH_POLICY)

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.url}{path}")
        return self.page

    def open_review(self, review: Review, query: str = "") -> Page:
        """The review page, its preview loaded."""
        self.open(f"/review/{review.pk}/{query}")
        if self.page.locator("iframe[data-preview][data-loaded]").count() == 0:
            self.page.wait_for_selector("iframe[data-preview][data-loaded]", state="attached")
        return self.page

    def cut_off(self) -> None:
        """From now on no page of this tab hears of anything by itself: it has no socket, and asks in vain."""
        self.page.route_web_socket("**/ws/console/**", lambda socket: socket.close())
        self.page.route("**/live/since/**", lambda route: route.abort())

    def wait_until_live(self) -> None:
        expect(self.page.locator("#live")).to_have_attribute("data-state", "live")

    def path(self) -> str:
        return self.page.url.removeprefix(self.url)

    def focused(self) -> str:
        """What has the focus: tag, id and the beginning of its text."""
        return str(
            self.page.evaluate(
                "(() => { const a = document.activeElement;"
                " return `${a.tagName}#${a.id} ${(a.textContent || '').trim().slice(0, 60)}`; })()"
            )
        )

    def expect_focus(self, part: str) -> None:
        """Wait until `part` stands in what `focused` says: scripts set the focus a moment after the page shows."""
        try:
            self.page.wait_for_function(
                "(part) => { const a = document.activeElement;"
                " return `${a.tagName}#${a.id} ${(a.textContent || '').trim().slice(0, 60)}`.includes(part); }",
                arg=part,
            )
        except PlaywrightTimeout as error:
            raise AssertionError(f"{part!r} has no focus, but {self.focused()!r}") from error

    def barriers(self) -> list[str]:
        """What axe finds on the page, outside of the mail's own frame."""
        self.page.evaluate(AXE)
        options = {"exclude": [["iframe[data-preview]"]]}
        # Only what is wrong crosses over: all that is right is a hundred times as long.
        found: list[dict[str, Any]] = self.page.evaluate(
            "(options) => axe.run(options, { iframes: false, resultTypes: ['violations'] }).then((r) => r.violations)",
            options,
        )
        return [
            f"{violation['id']}: {node['target']} {node.get('failureSummary', '')}"
            for violation in found
            for node in violation["nodes"]
        ]

    def _note_answer(self, answer: Response) -> None:
        if not answer.url.startswith((self.url, "data:", "about:", "blob:")):
            self.strays.append(answer.url)

    def _note_dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


def open_tab(browser: Browser, url: str, *, session: str | None = None, **options: Any) -> Tab:
    """A tab in a context of its own; with `session` the person is signed in."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
    if session:
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": url}])
    return Tab(context, url)
