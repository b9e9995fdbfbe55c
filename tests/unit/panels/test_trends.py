"""Pictures over time: what is drawn of many batches, and what of none."""

from __future__ import annotations

import math
import re
from base64 import b64decode
from typing import Any

import pytest

from mlops_nb.panels import trends
from mlops_nb.panels.blocks import Picture
from mlops_nb.panels.charts import AMBER, BLUE, RED


def drawing(picture: Picture | None) -> str:
    assert picture is not None
    return b64decode(picture.source.partition("base64,")[2]).decode()


def path(drawn: str, colour: str, tag: str = "") -> str:
    """Return the first path of a colour, "" where there is none."""
    found = re.search(rf'<path d="([^"]*)"[^>]*stroke="{colour}"[^>]*{tag}', drawn)
    return found.group(1) if found else ""


def test_a_line_breaks_where_there_is_no_score_and_its_dots_tell_the_status() -> None:
    scores: list[tuple[Any, str]] = [(0.1, "pass"), (None, "pass"), (0.4, "fail"), (0.2, "pass")]
    drawn = drawing(trends.course(scores, 0.3, alt=""))
    line = path(drawn, BLUE, 'stroke-width="1.5"')
    assert (line.count("M"), line.count("L")) == (2, 1)
    assert path(drawn, RED).count("M") == 1


def test_the_peak_of_many_batches_is_drawn() -> None:
    scores = [(0.1, "pass")] * 399
    scores.insert(201, (9.0, "fail"))
    picture = trends.course(scores, 0.3, alt="")
    drawn = drawing(picture)
    assert path(drawn, RED).endswith(" 4h0")  # at the top
    assert path(drawn, BLUE).count("L") < 60
    assert "█" in (picture.letters if picture else "")


def test_low_p_values_are_far_up() -> None:
    scores = [(0.5, "pass"), (1e-10, "fail"), (0.0, "fail")]
    line = path(drawing(trends.course(scores, 0.05, low_is_far=True, alt="")), BLUE)
    heights = [float(each) for each in re.findall(r" ([\d.]+)", line)]
    assert heights == sorted(heights, reverse=True)


def test_many_bars_are_drawn_as_fewer_from_the_lowest_bound_to_the_highest() -> None:
    judged = [trends.Judged(0.1, 0.05, 0.15, "pass")] * 400
    judged[7] = trends.Judged(0.9, 0.8, 1.0, "fail")
    drawn = drawing(trends.bounds(judged, (0.0, 1.0), 0.2, at_most=True, alt=""))
    assert path(drawn, BLUE, "opacity").count("V") == 79
    top, bottom = re.findall(r"[ V]([\d.]+)", path(drawn, RED, "opacity"))
    assert float(top) == 2  # 1.0, of the worst
    assert float(bottom) == pytest.approx(2 + 60 * 0.95)  # 0.05, of its neighbours


def test_what_has_too_little_evidence_is_paler() -> None:
    judged = [trends.Judged(None, 0.0, 1.0, "insufficient"), trends.Judged(0.1, 0, 0.2, "pass")]
    drawn = drawing(trends.bounds(judged, (0.0, 1.0), None, at_most=True, alt=""))
    assert f'stroke="{AMBER}" stroke-width="6.0" opacity=".35"' in drawn
    assert "<rect" not in drawn  # no limit, nothing forbidden


@pytest.mark.parametrize("values", [[], [None], [math.nan, math.inf], ["much"]])
def test_nothing_is_drawn_of_nothing(values: list[Any]) -> None:
    assert trends.course([(value, "pass") for value in values], 0.1, alt="") is None
    assert trends.bounds([], (0.0, 1.0), 0.1, at_most=True, alt="") is None
    assert trends.bars([], 0.1, alt="") is None


def test_what_could_not_be_measured_leaves_a_gap() -> None:
    known = trends.Judged(0.9, 0.8, 1.0, "pass")
    gap = trends.Judged(None, None, None, "insufficient")
    picture = trends.bounds([known, gap, known], (0.0, 1.0), None, at_most=False, alt="a")
    assert picture is not None
    assert picture.letters == "▇ ▇"
    assert picture.width == 60
    assert trends.bounds([gap] * 100, (0.0, 1.0), None, at_most=False, alt="a") is not None
