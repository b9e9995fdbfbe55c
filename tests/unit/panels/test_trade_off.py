"""The curve of a mitigation: its points with intervals on both axes, in words and in a table."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from typing import Any

from mlops_nb import panels
from mlops_nb.core.mitigation_records import Mitigation
from mlops_nb.panels.blocks import Figure, Paragraph, Table
from mlops_nb.panels.trade_off import trade_off
from tests.unit.panels import samples


def blocks(record: Mitigation | None = None, rows: int = 50) -> tuple[Table, Figure, Paragraph]:
    table, figure, notes = trade_off(record or samples.mitigation(), rows)
    assert isinstance(table, Table)
    assert isinstance(figure, Figure)
    assert isinstance(notes, Paragraph)
    return table, figure, notes


def drawing(figure: Figure) -> str:
    return b64decode(figure.picture.source.partition(",")[2]).decode()


def with_points(*points: dict[str, Any], **changed: Any) -> Mitigation:
    return replace(samples.mitigation(), trade_off=points, **changed)


def names(table: Table) -> list[str]:
    return [row[0].text for row in table.rows]


def test_every_model_is_told_with_its_gap_its_accuracy_and_its_cost() -> None:
    table, figure, notes = blocks()
    assert table.columns[0].title == "difference_bound"
    assert names(table) == ["before", "0.05", "0.03", "0.002, chosen"]
    assert table.rows[3][1:] == [
        "0.0423", "0.0223 to 0.0623", "0.8144", "0.8064 to 0.8224", "0.5", "0.2 to 0.8", "✓",
    ]  # fmt: skip
    assert table.rows[0][5:] == ["", "", "✓"]
    assert "before: 0.8198 at 0.1409; 0.05: 0.8181 at 0.1100" in figure.picture.alt
    assert "rings: after, at other strengths" in figure.caption
    assert "`--strength` takes another" in notes.text


def test_the_plain_and_the_chosen_model_are_marked_and_the_front_is_drawn() -> None:
    svg = drawing(blocks()[1])
    assert svg.count("<circle") == 3
    assert svg.count('r="6"') == 1
    assert svg.count('width="10" height="10"') == 1
    dashed = next(part for part in svg.split("<path ") if "stroke-dasharray" in part)
    assert dashed.count(",") == 3  # three efficient ones of four
    # A line across and one up for each of the four.
    assert sum("H" in part and "V" in part and "M" in part for part in svg.split("<path ")) >= 4


def test_the_limit_is_drawn_where_it_is_near() -> None:
    assert 'fill="#d64545"' in drawing(blocks()[1])
    first = samples.trade_off()[0]
    tiny = [{**p, "value": 0.001, "bounds": [0.0, 0.002]} for p in (first, first)]
    assert "#d64545" not in drawing(blocks(with_points(*tiny))[1])


def test_mixtures_and_a_grid_say_what_they_are() -> None:
    plain, *_, chosen = samples.trade_off()
    mixed = {**chosen, "kind": "mixture", "strength": None, "chosen": False, "share": 0.25}
    table, figure, notes = blocks(with_points(plain, mixed, chosen))
    assert names(table) == ["before", "25 % mixed in", "0.002, chosen"]
    assert "rings: mixtures of both" in figure.caption
    assert "`--points 6` fits the method itself" in notes.text
    whole = with_points(plain, mixed, {**chosen, "strength": None}, strength={})
    table, _, notes = blocks(whole)
    assert names(table)[-1] == "after, chosen"
    assert "keeps equalized_odds wholly" in notes.text
    grid = {**chosen, "strength": None, "chosen": False, "value": 0.05}
    assert "no weight takes it" in names(blocks(with_points(plain, grid, chosen))[0])


def test_small_groups_that_do_not_count_are_told() -> None:
    points = [{**point, "groups": [9, 14]} for point in samples.trade_off()]
    record = with_points(*points)
    assert "between the 9 of 14 groups with rows enough" in blocks(record)[2].text
    text = " ".join(panels.text(record).split())
    fairness = text.partition("What each group gets")[0]
    assert "all 14 groups, where the smallest can decide alone and by chance" in fairness
    assert "between the 9 with rows enough to judge" in fairness
    assert "of all" not in panels.text(samples.mitigation()).partition("What each group gets")[0]


def test_a_long_curve_is_cut_but_the_chosen_one_stays() -> None:
    plain, other, _, chosen = samples.trade_off()
    many = [{**other, "strength": round(0.01 * i, 2)} for i in range(1, 40)]
    table, _, _ = blocks(with_points(plain, *many, chosen), rows=5)
    assert len(table.rows) == 5
    assert names(table)[-1] == "0.002, chosen"
    assert "41" in table.more
    whole = with_points(plain, *many, chosen)
    assert len(panels.html(whole)) < 100_000


def test_odd_points_are_left_out() -> None:
    first = samples.trade_off()[0]
    assert trade_off(with_points(), 50) == []
    assert trade_off(with_points({**first, "value": float("nan")}), 50) == []
    bare = {"kind": "mixture", "share": 0.5, "value": 0.1, "accuracy": 0.5}
    kept = trade_off(with_points(bare), 50)
    assert [type(block) for block in kept] == [Table, Paragraph]
    evil = {**first, "kind": "<b>", "strength": "<script>"}
    assert "<script" not in panels.html(with_points(evil, evil, strength={"name": "<script>"}))


def test_a_regression_pays_in_its_error() -> None:
    def point(kind: str, gap: float, error: float, strength: float | None) -> dict[str, Any]:
        return {
            "kind": kind, "strength": strength, "chosen": strength == 900.0, "value": gap,
            "bounds": [0.9 * gap, 1.1 * gap], "error": error, "interval": [error - 9, error + 9],
            "cost": error - 1200.0, "cost_interval": [error - 1203.0, error - 1197.0],
            "efficient": True, "groups": [2, 2],
        }  # fmt: skip

    plain = {**point("plain", 410.0, 1200.0, None), "measure": "mae"}
    record = with_points(
        plain, point("fitted", 95.0, 1234.5, 900.0), metric="mean_absolute_error_difference",
        constraint="bounded_absolute_loss",
        strength={"name": "upper_bound", "value": 900.0, "meaning": "how large"},
    )  # fmt: skip
    table, figure, _ = blocks(record)
    assert [c.title for c in table.columns] == [
        "upper_bound", "gap", "bounds", "mae", "interval", "added", "interval", "efficient",
    ]  # fmt: skip
    assert names(table) == ["before", "900, chosen"]
    assert table.rows[1][3:7] == [
        "1,234.5", "1,225.5 to 1,243.5", "34.50", "31.50 to 37.50",
    ]  # fmt: skip
    assert "mean_absolute_error_difference" in table.caption
    assert figure.caption.startswith("mae (up, 1,191.0 to 1,243.5) against mean_absolute_error")
    assert "low and left is good" in figure.caption
    assert "low and left" not in blocks()[1].caption
