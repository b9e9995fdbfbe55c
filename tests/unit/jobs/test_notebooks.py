"""Notebooks as files: what is refused and how, and the parameters that a notebook declares."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
from mlops_nb.jobs.notebooks import Parameter, accept_parameters, encode, parameters_of, read

DECLARATIONS = """
%load_ext mlops_nb
months = 2
rate: float = 1e-3  # a comment
name, path = "a", None
options = {
    "deep": [1, 2],
}
since: str
upper = months * 2
import os
"""


def cell(source: Any, *tags: str, **fields: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": {"tags": list(tags)} if tags else {},
        "source": source,
        "outputs": [],
        "execution_count": None,
        **fields,
    }


def write(path: Path, *cells: Any, **fields: Any) -> Path:
    whole = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": list(cells), **fields}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


def test_cells_get_the_same_ids_in_every_copy(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", cell("1"), cell(["2\n", "3"], id="x"), cell("4", id="x"))
    notebook = read(path)
    assert [c.id for c in notebook.cells] == ["cell-1", "x", "cell-3"]
    assert (notebook.nbformat_minor, notebook.cells[1].source) == (5, "2\n3")
    assert read(path) == notebook


def test_old_and_slightly_newer_formats_are_read(tmp_path: Path) -> None:
    old = tmp_path / "old.ipynb"
    sheet = {"cells": [{"cell_type": "code", "language": "python", "input": ["1"], "outputs": []}]}
    old.write_text(
        json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [sheet]})
    )
    assert read(old).cells[0].source == "1"
    newer = write(tmp_path / "newer.ipynb", cell("1", id="a", future=1), nbformat_minor=9)
    assert read(newer).cells[0].source == "1"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "it is empty"),
        (b"{'a': 1}", "Expecting property name enclosed in double quotes (line 1, column 2)"),
        (b'{"cells": [', "Expecting value (line 1, column 12)"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff\xfe\x00", "it is not UTF-8 text"),
        (b"[1]", "its JSON is not an object"),
        (b'{"a": 1}', "it has no nbformat"),
        (b'{"nbformat": 5}', "is in notebook format 5; formats up to 4 can be read"),
        (b'{"nbformat": 2, "x": 1}', "missing an expected key: worksheets"),
        (b'{"nbformat": 4, "nbformat_minor": 4, "metadata": {}}', "its 'cells' is missing"),
        (
            b'{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [3]}',
            "its cell 1 is not an object",
        ),
        (
            b'{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [{"cell_type": "x"}]}',
            "is not a valid notebook",
        ),
    ],
)
def test_what_is_no_notebook_is_refused_in_one_line(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    path = tmp_path / "broken.ipynb"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(path)
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_notebook_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path / "train.ipynb")
    with pytest.raises(NotFoundError, match=r"no notebook .*trian.ipynb; did you mean 'train.ip"):
        read(tmp_path / "trian.ipynb")
    with pytest.raises(NotFoundError, match="there is no folder"):
        read(tmp_path / "none" / "train.ipynb")
    with pytest.raises(InputError, match=r"is a folder, not a notebook; there is 'train.ipynb'"):
        read(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_can_not_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "secret.ipynb")
    path.chmod(0)
    with pytest.raises(UnavailableError, match="can't read"):
        read(path)


def test_what_a_cell_printed_always_fits_the_file(tmp_path: Path) -> None:
    notebook = read(write(tmp_path / "a.ipynb", cell("1")))
    notebook.cells[0].source = "'\udc80 é'"
    assert json.loads(encode(notebook))["cells"][0]["source"] == ["'? é'"]


def test_parameters_are_the_assignments_of_the_tagged_cell(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", cell("other = 1"), cell(DECLARATIONS, "x", "parameters"))
    assert parameters_of(path) == {
        "months": Parameter("months", "2", "int"),
        "rate": Parameter("rate", "1e-3", "float"),
        "name": Parameter("name", '"a"', "str"),
        "path": Parameter("path", "None", "NoneType"),
        "options": Parameter("options", '{\n    "deep": [1, 2],\n}', "dict"),
        "since": Parameter("since", "", "str"),
        "upper": Parameter("upper", "months * 2", ""),
    }
    assert parameters_of(write(tmp_path / "b.ipynb", cell("other = 1"))) == {}


def test_parameters_that_can_not_be_read_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", cell("%magic\nx = (", "parameters"))
    with pytest.raises(InputError, match=r"parameters cell of .* is not valid Python: .*, line 2"):
        parameters_of(path)


def accept(path: Path, **given: Any) -> dict[str, Any]:
    return accept_parameters(read(path), path, given)


def test_values_become_what_papermill_can_write(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", cell("a = b = c = d = 0", "parameters"))
    given = accept(path, a=np.float64(0.5), b=(1, np.int64(2)), c={"k": Path("x")}, d=np.True_)
    assert given == {"a": 0.5, "b": [1, 2], "c": {"k": "x"}, "d": True}
    assert [type(v) for v in given.values()] == [float, list, dict, bool]


@pytest.mark.parametrize(
    "value", [object(), {1: "a"}, {1, 2}, b"x", np.zeros(2), [np.datetime64("2026-01-01")]]
)
def test_values_of_other_kinds_are_refused(tmp_path: Path, value: Any) -> None:
    path = write(tmp_path / "a.ipynb", cell("a = 0", "parameters"))
    with pytest.raises(InputError, match=r"parameter 'a' can't be a .*; give text, a number"):
        accept(path, a=value)


def test_unknown_parameters_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", cell("months = 1", "parameters"))
    with pytest.raises(
        InputError, match=r"^unknown parameter 'mnths' of a.ipynb; did you mean 'months'\?$"
    ):
        accept(path, mnths=2)
    bare = write(tmp_path / "b.ipynb", cell("months = 1"))
    with pytest.raises(InputError, match=r"declares no parameters.*tag the cell"):
        accept(bare, months=2)
    assert accept(bare) == {}


def test_other_languages_are_passed_what_is_given(tmp_path: Path) -> None:
    language = {"language_info": {"name": "R"}}
    path = write(tmp_path / "a.ipynb", cell("months <- 1", "parameters"), metadata=language)
    assert accept(path, months=2) == {"months": 2}
