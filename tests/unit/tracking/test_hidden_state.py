"""Hidden state is called out where it is, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_nb.core.cell_records import Outline, OutlineCell
from mlops_nb.core.records import CellRecord
from mlops_nb.tracking.hidden_state import (
    from_bytes,
    hidden_state,
    placed,
    source_hash,
    to_bytes,
)
from mlops_nb.tracking.names import LARGEST, names_of

BEGAN = datetime(2026, 1, 2, tzinfo=UTC)
Executed = tuple[str, str]


def executed(*cells: Executed, outcome: str = "ok", ids: bool = True) -> list[CellRecord]:
    """Make the records of executed cells, each an id and a source."""
    return [
        CellRecord(
            place,
            source,
            BEGAN + timedelta(seconds=place),
            0.5,
            outcome,
            execution_count=place + 1,
            cell_id=cell_id if ids else None,
        )
        for place, (cell_id, source) in enumerate(cells)
    ]


def saved(*cells: Executed, ids: bool = True, after: float = 1e6) -> Outline:
    """Make the outline of a notebook that was saved so many seconds after the run's begin."""
    listed = (OutlineCell(name if ids else None, source_hash(source)) for name, source in cells)
    return Outline(BEGAN + timedelta(seconds=after), tuple(listed))


LOAD, CLEAN, FIT = ("load", "df = load()"), ("clean", "df = df.dropna()"), ("fit", "m = fit(df)")
LOAD_2 = ("load", "df = load(2)")
FUNCTION, USE, K = ("f", "def f(a):\n    return a + k"), ("use", "y = f(1)"), ("k", "k = 1")

USED = "Cell [2] used `df` as cell [1] had made it;"
AGAIN = "Cell [3] changed `df` once more:"
CASES = {
    "edited and run again": (
        [LOAD, FIT, LOAD_2],
        None,
        [f"{USED} that cell was changed afterwards."],
    ),
    "edited and not run again": (
        [LOAD, FIT],
        saved(LOAD_2, FIT),
        [f"{USED} that cell was changed afterwards."],
    ),
    "edited after the file was saved": ([LOAD, FIT], saved(LOAD_2, FIT, after=-1), []),
    "deleted": (
        [LOAD, FIT],
        saved(FIT),
        [f"{USED} that cell was deleted afterwards, and no other makes it."],
    ),
    "deleted where another cell makes the name too": (
        [LOAD, ("other", "df = 1"), LOAD, FIT],
        saved(("other", "df = 1"), FIT),
        ["Cell [4] used `df` as cell [3] had made it; that cell was deleted afterwards."],
    ),
    "moved with its text to another cell": ([LOAD, FIT], saved(("new", LOAD[1]), FIT), []),
    "edited in its comments only": (
        [LOAD, FIT],
        saved(("load", "# all\n\ndf = load()  "), FIT),
        [],
    ),
    "run again and its user too": ([LOAD, FIT, LOAD_2, FIT], saved(LOAD_2, FIT), []),
    "used by a cell that is gone": ([LOAD, FIT, LOAD_2], saved(LOAD_2), []),
    "made below": (
        [K, LOAD],
        saved(("x", "x = 1"), LOAD, K),
        ["Cell [2] ran after a cell that stands below it."],
    ),
    "made by a cell below": (
        [LOAD, FIT],
        saved(FIT, LOAD),
        [f"{USED} that cell stands below it."],
    ),
    "one in between left out until later": (
        [LOAD, FIT, CLEAN],
        saved(LOAD, CLEAN, FIT),
        [
            f"{USED} run from the top, it would be cell [3] that makes it.",
            "Cell [3] ran after a cell that stands below it.",
        ],
    ),
    "twice without its predecessors": (
        [LOAD, CLEAN, CLEAN],
        saved(LOAD, CLEAN),
        [f"{AGAIN} it began with what cell [2], its last execution, left."],
    ),
    "twice with its predecessors": ([LOAD, CLEAN, LOAD, CLEAN], saved(LOAD, CLEAN), []),
    "twice without an effect on itself": ([LOAD, FIT, FIT], saved(LOAD, FIT), []),
    "through a function": (
        [K, FUNCTION, USE, ("k", "k = 2")],
        None,
        ["Cell [3] used `k` as cell [1] had made it; that cell was changed afterwards."],
    ),
    "a function that is not used": ([K, FUNCTION, ("k", "k = 2")], None, []),
    "several names of one cell": (
        [("two", "a = b = 1"), ("use", "a + b"), ("two", "a = b = 2")],
        None,
        ["Cell [2] used `a` and `b` as cell [1] had made them; that cell was changed afterwards."],
    ),
    "imports that are still there": (
        [("i", "import math"), ("use", "math.pi"), ("i", "import math, os")],
        None,
        [],
    ),
    "an import that is gone": (
        [("i", "import math"), ("use", "math.pi")],
        saved(("use", "math.pi")),
        [f"{USED.replace('df', 'math')} that cell was deleted afterwards, and no other makes it."],
    ),
    "something that may do anything": ([LOAD, ("run", "%run x.py"), FIT, LOAD_2], None, []),
}


@pytest.mark.parametrize("case", CASES)
def test_hidden_state_is_called_out_in_a_sentence(case: str) -> None:
    cells, outline, told = CASES[case]
    assert [hidden.told for hidden in hidden_state(executed(*cells), outline)] == told


def test_cells_without_ids_are_told_apart_by_their_sources() -> None:
    cells = executed(LOAD, FIT, ids=False)
    (found,) = hidden_state(cells, saved(LOAD_2, FIT, ids=False))
    assert (found.kind, found.names) == ("missing", ("df",))
    assert found.told.endswith("the notebook has no such cell.")
    # Two equal cells are two; whose id a front end made up, is not deleted.
    twice = executed(("a", "n = 0"), ("b", "n += 1"), ("c", "n += 1"), ids=False)
    outline = saved(("x", "n = 0"), ("y", "n += 1"), ("z", "n += 1"))
    assert hidden_state(twice, outline) == ()
    (found,) = hidden_state(executed(("vs-1", "df = load()"), ("vs-2", FIT[1])), saved(LOAD_2, FIT))
    assert found.kind == "missing"


def test_a_cell_that_failed_and_parameters_that_were_given_raise_no_alarm() -> None:
    failed = executed(LOAD, LOAD_2, outcome="error") + executed(LOAD, LOAD_2, FIT)[2:]
    assert hidden_state(failed) == ()
    given_ = executed(("p", "months = 1"), ("", "# Parameters\nmonths = 2\n"), ("u", "use(months)"))
    assert hidden_state(given_, saved(("p", "months = 1"), ("u", "use(months)"))) == ()


def test_cells_that_ran_after_one_below_them_are_marked() -> None:
    notebook = saved(LOAD, CLEAN, FIT)
    once = placed(executed(LOAD, CLEAN, FIT, FIT, ("gone", "g")), notebook)
    assert [cell.position for cell in once] == [0, 1, 2, 2, None]
    assert not any(cell.out_of_order for cell in once)
    jumping = placed(executed(LOAD, FIT, CLEAN, FIT, LOAD), notebook)
    assert [cell.index for cell in jumping if cell.out_of_order] == [2, 4]
    unknown = executed(LOAD, FIT)
    assert list(placed(unknown, None)) == unknown


def test_an_outline_is_read_as_it_was_written() -> None:
    outline = saved(LOAD, ("", "x"), ids=False)
    assert from_bytes(to_bytes(outline)) == outline


NAMES = st.sampled_from("abcde")
STATEMENTS = st.one_of(
    st.builds("{} = {}".format, NAMES, NAMES),
    st.builds("{} += {}".format, NAMES, NAMES),
    st.builds("def {}(x):\n    return {} + x".format, NAMES, NAMES),
    st.builds("{} = [{} for {} in {}]".format, NAMES, NAMES, NAMES, NAMES),
    st.builds("if {}:\n    {} = 1".format, NAMES, NAMES),
    st.builds("del {}".format, NAMES),
    st.builds("import {}".format, NAMES),
    st.builds("%time {} = {}(1)".format, NAMES, NAMES),
    st.builds("class {}:\n    def m(self): return {}".format, NAMES, NAMES),
    st.just("%matplotlib inline"),
    st.just("exec('a = 1')"),
    st.just(""),
)
SOURCES = st.lists(st.lists(STATEMENTS, max_size=3).map("\n".join), max_size=12)


@given(sources=SOURCES, ids=st.booleans(), in_file=st.booleans(), failing=st.booleans())
def test_a_notebook_that_ran_from_top_to_bottom_once_has_none(
    sources: Sequence[str], ids: bool, in_file: bool, failing: bool
) -> None:
    cells = [(f"c{place}", source) for place, source in enumerate(sources)]
    outline = saved(*cells, ids=in_file)
    outcome = "error" if failing else "ok"
    run = executed(*cells, ids=ids, outcome=outcome)
    assert hidden_state(run, outline) == hidden_state(run) == ()
    assert not any(cell.out_of_order for cell in placed(run, outline))


@pytest.mark.parametrize(
    ("source", "needs", "binds"),
    [
        ("a = b\nc = a", "b", "a c"),
        ("%%time\nx = y", "y", "x"),
        ("%%bash\necho $y", "", ""),
        ("files = !ls\n%matplotlib inline\nlen(files)", "len", "files"),
        ("text = '''\n%run me\n'''", "", "text"),
        ("for i in it:\n    try:\n        p\n    except E as e:\n        e", "it p E", "i"),
        ("with open(p) as f, g: pass\nimport a.b, c as d", "open p g", "f a d"),
        ("def f(x=y):\n    z = x\n    return z + w\nf()", "y w", "f"),
        ("[q for q in r if (s := q)]\nlambda t: t + u", "r u", "s"),
        ("class A(B):\n    k = l\n    def m(self): return n", "B l", "A"),
        ("match v:\n    case [a, *b]: a\n    case {'k': c, **d}: d", "v", "a b c d"),
        ("x['k'] += await y", "x y", ""),
    ],
)
def test_the_names_of_a_cell(source: str, needs: str, binds: str) -> None:
    found = names_of(source)
    assert found.readable
    assert (found.needs, found.binds) == (set(needs.split()), set(binds.split()))


@pytest.mark.parametrize(
    "source",
    [
        *("x = = 1", "from m import *", "%store -r", "%%sql\nselect", "exec(t)", "x = %run y"),
        *("get_ipython().run_cell('x')", f"x = {'(' * 3000}", "def f():\n    global x"),
        "x = 1\n" * LARGEST,
    ],
    ids=lambda source: source[:20],
)
def test_what_can_not_be_read_is_said_to_be_so(source: str) -> None:
    assert not names_of(source).readable


def test_two_thousand_cells_and_one_of_fifty_megabytes_are_read() -> None:
    many = [(f"c{n}", f"x{n} = [x{n - 1}, {n}]\nf(x{n % 7})") for n in range(2000)]
    run = executed(*many, ("huge", "y = '" + "x" * 50_000_000 + "'"), *many[:500])
    # The first five hundred ran once more, after all that stands below them.
    (found,) = hidden_state(run, saved(*many))
    assert found.told.startswith("Cells [2002], [2003], ")
    assert found.told.endswith(", [2007] and 494 more ran after a cell that stands below them.")
