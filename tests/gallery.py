"""Every panel, rendered to a folder, to be looked at: ``python -m tests.gallery FOLDER [NAME …]``.

For each sample there is a whole document, the plain text, and pictures taken in Chromium: 1280 and
300 pixels wide, in JupyterLab's light and dark style sheets, as JupyterLab's sanitiser leaves the
panel in an untrusted notebook. ``--no-pictures`` leaves Chromium out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mlops_nb import panels
from tests.chromium import HOW_TO_INSTALL, find_chromium
from tests.unit.panels.samples import samples
from tests.unit.panels.untrusted import sanitised

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
WIDTHS = (1280, 300)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="only these samples")
    parser.add_argument("--no-pictures", action="store_true")
    arguments = parser.parse_args()
    chosen = {
        name: record
        for name, record in samples().items()
        if not arguments.names or name in arguments.names
    }
    write(arguments.folder, chosen)
    if not arguments.no_pictures:
        photograph(arguments.folder, chosen)


def write(folder: Path, records: dict[str, Any]) -> None:
    """Write each panel as document and as text, and say how large its HTML is."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, record in records.items():
        (folder / f"{name}.html").write_text(panels.page(record, title=name), encoding="utf-8")
        (folder / f"{name}.txt").write_text(panels.text(record) + "\n", encoding="utf-8")
        print(f"{name:24} {len(panels.html(record).encode()):8,} bytes")


def photograph(folder: Path, records: dict[str, Any]) -> None:
    """Take each panel's picture in both themes, wide and narrow, and of its own document."""
    from playwright.sync_api import sync_playwright

    chromium = find_chromium()
    if chromium is None:
        raise SystemExit(f"no Chromium was found: {HOW_TO_INSTALL}")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page()
        for name, record in records.items():
            for theme in ("light", "dark"):
                for width in WIDTHS:
                    page.set_viewport_size({"width": width, "height": 100})
                    page.set_content(notebook_output(panels.html(record), theme))
                    page.screenshot(path=folder / f"{name}-{theme}-{width}.png", full_page=True)
        page.emulate_media(color_scheme="dark")
        page.set_content(panels.page(next(iter(records.values())), title="A page"))
        page.screenshot(path=folder / "page-dark.png", full_page=True)
        browser.close()


def notebook_output(panel: str, theme: str) -> str:
    """Put an untrusted panel where JupyterLab puts an output: its classes, styles and colours."""
    outer = "html,body{margin:0;height:auto;overflow:auto;background:var(--jp-layout-color0)}"
    classes = "jp-OutputArea-output jp-RenderedHTMLCommon jp-RenderedHTML"
    return (
        f'<!doctype html><meta charset="utf-8"><style>{lab_styles(theme)}{outer}</style>'
        '<body style="padding:12px"><div class="jp-OutputArea-child">'
        f'<div class="{classes}">{sanitised(panel)[0]}</div></div>'
    )


def lab_styles(theme: str) -> str:
    """Return JupyterLab's own style sheets, as nbconvert's template carries them."""
    from jupyter_core.paths import jupyter_path

    for folder in map(Path, jupyter_path("nbconvert", "templates", "lab", "static")):
        if (folder / "index.css").exists():
            names = ("index.css", f"theme-{theme}.css")
            return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)
    raise SystemExit("nbconvert's style sheets are not installed: pip install nbconvert")


if __name__ == "__main__":
    main()
