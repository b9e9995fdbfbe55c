"""The browser of the browser tests: found, never downloaded."""

from __future__ import annotations

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW_TO_INSTALL = "install one (Debian, Ubuntu: apt-get install chromium) or set MLOPS_CHROMIUM"


def find_chromium() -> str | None:
    """Return the path of Chromium or Chrome, or None where there is none."""
    named = os.environ.get("MLOPS_CHROMIUM")
    for name in (named,) if named else NAMES:
        found = shutil.which(name)
        if found:
            return found
    return None


def is_required() -> bool:
    """Tell whether the absence of a browser is a failure, as it is in CI."""
    return os.environ.get("MLOPS_REQUIRE_BROWSER", "") not in ("", "0")
