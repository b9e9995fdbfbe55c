"""Parameters are the values that a tagged cell assigned, as they were run."""

from __future__ import annotations

import json
from pathlib import Path

from mlops_nb.tracking.parameters import assigned, is_parameters, tagged_sources


def test_only_plain_values_of_assigned_names() -> None:
    source = "months = 2\nrate: float = 0.5\n_private = 1\nimport os\nframe = object()\n"
    namespace = {"months": 3, "rate": 0.5, "_private": 1, "frame": object(), "os": json}
    assert assigned(source, namespace) == {"months": 3, "rate": 0.5}


def test_magics_beside_them_are_passed_over() -> None:
    source = "%matplotlib inline\nmonths = 2\n  !ls\nrate = 1\n"
    assert assigned(source, {"months": 2, "rate": 1}) == {"months": 2, "rate": 1}


def test_a_cell_is_known_by_its_tag_or_by_papermills_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    cells = [
        {"source": ["months = 2\n"], "metadata": {"tags": ["parameters"]}},
        {"source": "other = 1", "metadata": {}},
    ]
    path.write_text(json.dumps({"cells": cells}))
    tagged = tagged_sources(path)
    assert is_parameters("months = 2", tagged)
    assert is_parameters("# Parameters\nmonths = 5\n", ())
    assert not is_parameters("other = 1", tagged)


def test_what_is_no_notebook_has_no_tags(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text("not json")
    assert tagged_sources(tmp_path / "a.ipynb") == frozenset()
    (tmp_path / "b.ipynb").write_text('{"cells": [{"source": null, "metadata": {"tags": null}}]}')
    assert tagged_sources(tmp_path / "b.ipynb") == frozenset()
    assert tagged_sources(None) == frozenset()
