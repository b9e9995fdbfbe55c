"""Panels in an executed notebook that JupyterLab doesn't trust, as most are when first opened."""

from __future__ import annotations

from typing import Any

import nbformat
from playwright.sync_api import Page, expect

from mlops_nb import panels
from tests.browser.lab import Lab
from tests.unit.panels import report_samples

OUTPUTS = ".jp-OutputArea-output.jp-RenderedHTMLCommon"

CHANGE_THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
IS_TRUSTED = "() => [...window.jupyterapp.shell.currentWidget.content.model.cells][0].trusted"
# The text and the elements of an output, and of the HTML that it was made from.
CONTENT = """(output, html) => {
    const meant = new DOMParser().parseFromString(html, 'text/html').body;
    const content = root => ({
        text: root.textContent.trim(),
        elements: [...root.querySelectorAll('*')].map(({ tagName, alt, scope, title }) =>
            [tagName, alt, scope, title]),
    });
    return [content(output), content(meant)];
}"""
IMAGE_WIDTHS = "images => images.map(image => image.naturalWidth)"

# What each visible piece of text has of its own and inherits, from the page down to the text: a
# colour may be half transparent, and so may what stands behind it.
CONTRASTS = """outputs => outputs.flatMap(output => {
    const read = text => text.match(/[\\d.]+/g).map(Number);
    const over = ([r, g, b, a = 1], below) => [r, g, b].map((v, i) => a * v + (1 - a) * below[i]);
    const light = rgb => rgb.map(v => v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const walker = document.createTreeWalker(output, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
        const own = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !own.checkVisibility()) continue;
        const line = [];
        for (let at = own; at; at = at.parentElement) line.unshift(getComputedStyle(at));
        const behind = line.reduce((b, s) => over(read(s.backgroundColor), b), [255, 255, 255]);
        const opacity = line.reduce((product, style) => product * style.opacity, 1);
        const [r, g, b, a = 1] = read(getComputedStyle(own).color);
        const [dim, bright] = [over([r, g, b, a * opacity], behind), behind]
            .map(light).sort((x, y) => x - y);
        found.push([walker.currentNode.data, (bright + 0.05) / (dim + 0.05)]);
    }
    return found;
})"""


def executed(*records: Any) -> list[nbformat.NotebookNode]:
    """Return a cell for each record, with the output that showing it leaves."""
    return [
        nbformat.v4.new_code_cell(
            "record",
            execution_count=number,
            outputs=[
                nbformat.v4.new_output(
                    "execute_result",
                    {"text/html": panels.html(record), "text/plain": panels.text(record)},
                    execution_count=number,
                )
            ],
        )
        for number, record in enumerate(records, 1)
    ]


def test_an_untrusted_panel_is_whole_and_readable_in_both_themes(lab: Lab, page: Page) -> None:
    records = [report_samples.drift(), report_samples.fairness()]
    lab.write("executed.ipynb", *executed(*records))
    page.set_viewport_size({"width": 1280, "height": 2400})  # JupyterLab draws what is in view
    lab.open(page, "executed.ipynb")
    outputs = page.locator(OUTPUTS)
    expect(outputs).to_have_count(len(records))
    assert page.evaluate(IS_TRUSTED) is False

    for output, record in zip(outputs.all(), records, strict=True):
        shown, meant = output.evaluate(CONTENT, panels.html(record))
        assert shown == meant
        assert 0 not in output.locator("img").evaluate_all(IMAGE_WIDTHS)
        tables = output.locator("table")
        assert tables.count() == output.locator("table > caption").count() > 0

    for is_light, theme in (("true", "JupyterLab Light"), ("false", "JupyterLab Dark")):
        page.evaluate(CHANGE_THEME, theme)
        expect(page.locator("body")).to_have_attribute("data-jp-theme-light", is_light)
        contrasts = outputs.evaluate_all(CONTRASTS)
        assert len(contrasts) > 100
        assert [(text, ratio) for text, ratio in contrasts if ratio < 4.5] == []
