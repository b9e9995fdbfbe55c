"""How shares and measured values are written: 100 % and 0 % only for what is exactly that."""

from __future__ import annotations

import pytest

from mlops_nb.core import words
from mlops_nb.panels import words as of_panels


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0, "0 %"), (1e-5, "0.001 %"), (0.0994, "9.9 %"), (0.0995, "10 %"), (0.994, "99 %"),
        (0.995, "99.5 %"), (0.997, "99.7 %"), (0.9996, "99.96 %"), (0.9999999, "> 99.999 %"),
        (1, "100 %"), (2.5, "250 %"),
    ],
)  # fmt: skip
def test_only_all_is_100_percent_and_only_nothing_0(share: float, expected: str) -> None:
    assert words.percent(share) == expected


@pytest.mark.parametrize("share", [0.9994, 0.9995, 0.99996, 1 - 1e-12])
def test_a_panel_writes_100_percent_for_all_only(share: float) -> None:
    assert not of_panels.percent(share).startswith("100")
    assert of_panels.percent(1.0) == "100 %"


def test_what_was_measured_has_no_negative_nothing_and_parts_its_thousands() -> None:
    told = [words.measured(each) for each in (-0.0, -1e-13, -1e-4, 999.96, 99.9)]
    assert told == ["0.000", "0.000", "-0.0001", "1,000", "99.900"]
