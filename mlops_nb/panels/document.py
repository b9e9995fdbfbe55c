"""A panel as a whole document: for reports that are kept, and for sandboxed frames."""

from __future__ import annotations

from html import escape

from mlops_nb.panels.words import shorten

# Inline style is how a panel is set, so it is allowed; scripts, frames, forms and any address
# but a picture's own data are not.
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)
_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; padding: 24px; background: #fff; color: rgba(0, 0, 0, .87);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
code { font: .93em ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  background: rgba(128, 128, 128, .16); border-radius: 3px; padding: .05em .35em; }
@media (prefers-color-scheme: dark) {
  body { background: #111; color: rgba(255, 255, 255, .87); }
}
@media (max-width: 480px) { body { padding: 12px; } }
"""


def wrap(panel: str, title: str) -> str:
    """Return a document with `panel` in its body.

    Examples
    --------
    >>> wrap("<p>done</p>", "A report").startswith("<!doctype html>")
    True
    """
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(shorten(title))}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{panel}\n</main>\n</body>\n</html>\n"
    )
