"""The table of verbs: the arguments of `drift`."""

from __future__ import annotations

from mlops_nb.interfaces.commands.arguments import BATCHES, STREAM, STRICT
from mlops_nb.interfaces.verbs import Argument

DRIFT = (
    Argument(
        "reference",
        "a DataFrame in scope, a file, a folder of Parquet or a .profile",
        "data",
        needed=True,
    ),
    Argument(
        "current", "a DataFrame in scope, a file, or a folder of Parquet", "data", needed=True
    ),
    Argument(
        "--column",
        "compare this column only (may be repeated)",
        "column",
        many=True,
        keyword="columns",
    ),
    Argument("--exclude", "leave this column out (may be repeated)", "column", many=True),
    Argument("--share", "share of drifted columns that makes a drifted dataset", "float"),
    Argument(
        "--method",
        "ks, num=psi, cat=g_test or COLUMN=psi: Evidently's names (may be repeated)",
        many=True,
        keyword="methods",
    ),
    Argument(
        "--threshold",
        "0.2, num=0.2 or COLUMN=0.2, in the method's own measure (may be repeated)",
        many=True,
        keyword="thresholds",
    ),
    Argument(
        "--type",
        "COLUMN=num, cat or text: how to read a column (may be repeated)",
        many=True,
        keyword="types",
    ),
    Argument(
        "--min-evidence",
        "confidence, such as 0.95, of the interval that decides; may be insufficient",
        "float",
    ),
    Argument("--correction", "of p-values, for being many", choices=("none", "holm", "bh")),
    Argument("--target", "column of the true values, to be named as such", "column"),
    Argument("--prediction", "column of the predicted values, to be named as such", "column"),
    Argument(
        "--multivariate", "have a classifier try to tell the rows of the two apart, too", "flag"
    ),
    Argument("--auc-threshold", "of that classifier: above it they drifted; 1 only tells", "float"),
    Argument(
        "--save-profile",
        "FILE.profile: keep the reference sorted and counted, to give it next time",
        "path",
    ),
    *BATCHES,
    Argument(
        "--report",
        "[FILE.html]: Evidently's full report from these scores; no FILE: kept in the open run",
        "path",
        ending=".html",
    ),
    Argument("--open", "open that report: in a tab of JupyterLab, else in a browser", "flag"),
    Argument("--workspace", "DIR: add that report to this Evidently workspace", "path"),
    STREAM,
    STRICT,
)
