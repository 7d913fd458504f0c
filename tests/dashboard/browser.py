"""The system's Chromium on the real product, monitored: requests, blocked requests, and errors that it reports."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, ViewportSize, expect, sync_playwright

AXE = Path(__file__).parents[2] / "kronos/dashboard/node_modules/axe-core/axe.min.js"
_SCREENSHOTS = os.environ.get("KRONOS_TEST_SCREENSHOTS")
PHONE, DESKTOP = ViewportSize(width=360, height=740), ViewportSize(width=1440, height=900)


_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""In this order: a context and its page cost the first 0.35 s of CPU, the others 1.2 (decision 150)."""
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--js-flags=--no-turbofan --no-maglev")
"""Without V8's optimizing compilers: a page is left before its scripts are worth compiling twice (decision 181)."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser. Skips on a machine without one."""
    found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None:
        pytest.skip("chromium is not installed: bin/install installs chromium-headless-shell with apt-get")
    expect.set_options(timeout=240_000)  # a busy machine answers late, not never
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """A page, and its violations: requests to other hosts, breaches of the policy, reported errors."""

    page: Page
    origin: str
    wrong: list[str] = field(default_factory=list)
    is_altered: bool = False
    """Whether its documents begin with a script of a test, which stays as long as the page."""

    def __post_init__(self) -> None:
        self.page.on("request", self._asked)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))

    def go(self, path: str) -> None:
        self.page.goto(f"{self.origin}{path}")

    def begin_with(self, script: str) -> None:
        """Run this script in each document before its own ones."""
        self.is_altered = True
        self.page.add_init_script(script)

    def stop_clock(self) -> None:
        """From now on, only the test moves the clock of its documents."""
        self.is_altered = True
        self.page.clock.install()

    def renew(self) -> bool:
        """Make the page as it was before a test used it; return whether that is possible. What a browser keeps of
        earlier pages remains: compiled scripts, cached files, its process.
        """
        if self.is_altered or not self.page.url.startswith(self.origin) or len(self.page.context.pages) > 1:
            return False
        self.page.unroute_all(behavior="ignoreErrors")
        self.page.evaluate("localStorage.clear(); sessionStorage.clear()")
        self.page.goto("about:blank")
        self.page.context.clear_cookies()
        self.page.mouse.move(0, 0)
        self.show(1440, "light")
        self.wrong.clear()
        return True

    def show(self, width: int, theme: str) -> None:
        """Show the page at this width, light or dark, without loading it again."""
        self.page.set_viewport_size(_screen(width))
        self.page.emulate_media(color_scheme=_scheme(theme))

    def keep(self, name: str, width: int, theme: str) -> None:
        """Save a screenshot of the whole page for people to review, if KRONOS_TEST_SCREENSHOTS names a folder."""
        if _SCREENSHOTS is not None:
            file = re.sub(r"[^a-z]+", "-", name.lower()).strip("-") or "home"
            self.page.screenshot(path=Path(_SCREENSHOTS) / f"{file}-{width}-{theme}.png", full_page=True)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "data:")):
            self.wrong.append(f"asked {request.url}")

    def _said(self, message: ConsoleMessage) -> None:
        # Chromium reports answers with 4xx or 5xx as errors of the page; tests check answers themselves.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.wrong.append(f"{message.type}: {message.text}")


def _screen(width: int) -> ViewportSize:
    return PHONE if width < 500 else DESKTOP


def _scheme(theme: str) -> Literal["light", "dark"]:
    return "dark" if theme == "dark" else "light"


@contextmanager
def watched(
    browser: Browser, origin: str, *, key: str | None = None, width: int = 1440, theme: str = "light"
) -> Iterator[Watched]:
    """A page in a separate context, with a key in each request's header if one is given."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    context = browser.new_context(
        viewport=_screen(width),
        color_scheme=_scheme(theme),
        extra_http_headers=headers,
        reduced_motion="reduce",
        timezone_id="Asia/Tokyo",
    )
    context.set_default_timeout(240_000)
    try:
        yield Watched(page=context.new_page(), origin=origin)
    finally:
        context.close()
