"""`mlops.toml` as frozen dataclasses: every setting with its default and its help.

Precedence: an argument, then ``MLOPS_<SECTION>_<KEY>`` (``MLOPS_<KEY>`` for the section
``project``) in the environment, then `mlops.toml`, then the default written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from mlops_nb.core.errors import InputError
from mlops_nb.core.nearest import suggest

FILE_NAME = "mlops.toml"


def setting(default: Any, help_text: str) -> Any:
    """Declare a setting with its default and its one-line help."""
    if isinstance(default, list | dict):
        kept = default
        return field(default_factory=lambda: type(kept)(kept), metadata={"help": help_text})
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True, slots=True)
class ProjectConfig:
    """Where the project keeps its runs."""

    name: str = setting("", "the project's name; empty: its folder's")
    experiment: str = setting("", "MLflow experiment of its runs; empty: the project's name")
    tracking_uri: str = setting("", "an MLflow server; empty: SQLite in the project's .mlops/")


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How notebooks are executed headless."""

    kernel: str = setting("", "kernel to run notebooks with; empty: the notebook's own")
    timeout_s: float = setting(0.0, "limit for the whole notebook in seconds; 0: none")
    cell_timeout_s: float = setting(0.0, "limit for one cell in seconds; 0: none")


@dataclass(frozen=True, slots=True)
class QualityConfig:
    """What data must be like."""

    strict: bool = setting(True, "whether a failed error stops a notebook")
    expect: list[dict[str, Any]] = setting(
        [], "expectations, one [[quality.expect]] table each: column, check, its values, severity"
    )
    file: str = setting("", "a file of further ones, as quality --infer makes it; empty: none")


@dataclass(frozen=True, slots=True)
class DataConfig:
    """How data are read."""

    stream: str = setting(
        "auto", "whether quality and drift read Parquet as a stream: auto, always or never"
    )


@dataclass(frozen=True, slots=True)
class DriftConfig:
    """When data counts as drifted."""

    share: float = setting(0.5, "share of drifted columns from which the dataset has drifted")
    columns: list[str] = setting([], "columns to compare; empty: all that both frames have")
    exclude: list[str] = setting([], "columns to leave out")
    methods: dict[str, str] = setting(
        {}, "column, num, cat, text or all = Evidently's name of a method"
    )
    thresholds: dict[str, float] = setting(
        {}, "column, num, cat, text or all = threshold, in its method's own measure"
    )
    types: dict[str, str] = setting({}, "column = num, cat or text: how it is read")
    min_evidence: float = setting(0.0, "confidence of the interval that decides; 0: Evidently does")
    correction: str = setting("none", "of p-values for being many: none, holm or bh")
    workspace: str = setting("", "an Evidently workspace for its full reports; empty: none")
    workspace_project: str = setting("", "their project there; empty: the project's name")
    by: str = setting("", "column of dates or values that makes batches; empty: none")
    every: str = setting("", "length of a batch: day, week, month or rows; empty: what fits")
    multivariate: bool = setting(
        False, "whether a classifier, too, tries to tell the rows of the two apart"
    )
    auc_threshold: float = setting(
        0.65, "AUC of that classifier above which the dataset has drifted; 1: it only tells"
    )


@dataclass(frozen=True, slots=True)
class FairnessConfig:
    """When a gap between groups is too wide."""

    metrics: list[str] = setting([], "Fairlearn's names; empty: those of the kind of problem")
    difference_limit: float = setting(0.1, "limit of the metrics that end in _difference")
    ratio_limit: float = setting(0.8, "limit of the metrics that end in _ratio")
    limits: dict[str, float] = setting({}, "metric = limit, where it is another one")
    method: str = setting("between_groups", "groups against each other; or `to_overall`")
    agg: str = setting("worst_case", "of the two rates of equalized odds; or `mean`")
    confidence: float = setting(0.95, "confidence of the intervals")
    draws: int = setting(1000, "bootstrap draws behind an interval")
    seed: int = setting(0, "seed of the bootstrap")
    by: str = setting("", "column of dates or values that makes batches; empty: none")
    every: str = setting("", "length of a batch: day, week, month or rows; empty: what fits")


@dataclass(frozen=True, slots=True)
class PerformanceConfig:
    """What a model must reach."""

    metrics: list[str] = setting([], "metrics to report; empty: the usual ones of the task")
    limits: dict[str, float] = setting({}, "metric = limit: a floor for scores, a cap for errors")
    confidence: float = setting(0.95, "confidence of the intervals")
    draws: int = setting(1000, "bootstrap draws behind an interval")
    seed: int = setting(0, "seed of the bootstrap")
    by: str = setting("", "column of dates or values that makes batches; empty: none")
    every: str = setting("", "length of a batch: day, week, month or rows; empty: what fits")


@dataclass(frozen=True, slots=True)
class GateConfig:
    """What a challenger must show before it may become champion."""

    metric: str = setting("roc_auc", "the metric on which challenger and champion are compared")
    min_gain: float = setting(0.0, "the gain over the champion that must be certain")
    require: list[str] = setting(
        ["quality", "fairness", "performance"], "checks that must have passed on the run"
    )
    allow_insufficient: list[str] = setting([], "checks that may lack evidence and not block")
    champion_alias: str = setting("champion", "the alias of the model in production")
    challenger_alias: str = setting("challenger", "the alias of the model that wants to replace it")


@dataclass(frozen=True, slots=True)
class JobsConfig:
    """When jobs come due, and what becomes of times at which no scheduler ran."""

    timezone: str = setting("", "time zone of new jobs; empty: this machine's")
    misfire: str = setting("once", "missed runs: skip them, run once for all, or all of them")
    misfire_window_s: float = setting(86400.0, "how late a missed run may start, in seconds")


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of one project.

    Examples
    --------
    >>> Config.read({"drift": {"share": 0.3}}).drift.share
    0.3
    """

    project: ProjectConfig = field(default_factory=ProjectConfig)
    run: RunConfig = field(default_factory=RunConfig)
    data: DataConfig = field(default_factory=DataConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)
    drift: DriftConfig = field(default_factory=DriftConfig)
    fairness: FairnessConfig = field(default_factory=FairnessConfig)
    performance: PerformanceConfig = field(default_factory=PerformanceConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    jobs: JobsConfig = field(default_factory=JobsConfig)

    @classmethod
    def load(cls, path: Path, environ: Mapping[str, str]) -> Config:
        """Read `path` (which may be missing) and the environment over the defaults.

        Raises
        ------
        InputError
            If the file is not TOML, or has an unknown key or a value of the wrong type.
        """
        try:
            text = path.read_text(encoding="utf-8") if path.exists() else ""
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is not valid TOML: {error}") from None
        except OSError as error:
            raise InputError(f"{path} can't be read: {error.strerror}") from None
        ours = tuple((key, environ[key]) for key in environ if key.startswith("MLOPS_"))
        return _loaded(text, ours, str(path))

    @classmethod
    def read(
        cls, data: Mapping[str, Any], environ: Mapping[str, str] | None = None, *, source: str = ""
    ) -> Config:
        """Build the settings from a parsed file and the environment."""
        own: Any = cls
        sections = _kinds(own)
        _refuse_unknown(data, sections, "section", source)
        built = {}
        for name, kind in sections.items():
            table = data.get(name, {})
            if not isinstance(table, Mapping):
                raise InputError(f"[{name}] in {source} must be a table, not {table!r}")
            built[name] = _read_section(name, kind, table, environ or {}, source)
        return cls(**built)


@lru_cache(maxsize=8)
def _loaded(text: str, environ: tuple[tuple[str, str], ...], source: str) -> Config:
    """Build the settings once for one text and environment: every call of a verb asks for them."""
    import tomllib

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{source} is not valid TOML: {error}") from None
    return Config.read(data, dict(environ), source=source)


def variable(section: str, key: str) -> str:
    """Return the environment variable that overrides a setting.

    Examples
    --------
    >>> variable("drift", "share"), variable("project", "tracking_uri")
    ('MLOPS_DRIFT_SHARE', 'MLOPS_TRACKING_URI')
    """
    return f"MLOPS_{key}".upper() if section == "project" else f"MLOPS_{section}_{key}".upper()


def settings() -> list[tuple[str, str, Any, str]]:
    """List every setting as (section, key, default, help), for help and documentation."""
    return [
        (section, f.name, getattr(kind(), f.name), f.metadata["help"])
        for section, kind in _kinds(Config).items()
        for f in fields(kind)
    ]


@cache
def _kinds(settings_of: Any) -> dict[str, Any]:
    """Return the type of each setting; worked out once, since every verb reads the settings."""
    return get_type_hints(settings_of)


def _read_section(
    name: str, kind: Any, table: Mapping[str, Any], environ: Mapping[str, str], source: str
) -> Any:
    hints = _kinds(kind)
    _refuse_unknown(table, hints, "key", f"[{name}] of {source}")
    values = {
        key: _coerce(value, hints[key], f"{name}.{key} in {source}") for key, value in table.items()
    }
    for key, hint in hints.items():
        text = environ.get(variable(name, key))
        # Who can't unset a variable empties it.
        if text:
            values[key] = _from_text(text, hint, variable(name, key))
    return kind(**values)


def _refuse_unknown(
    table: Mapping[str, Any], known: Mapping[str, Any], noun: str, source: str
) -> None:
    for key in table:
        if key not in known:
            raise InputError(f"unknown {noun} {key!r} in {source}", hint=suggest(key, known))


def _coerce(value: Any, kind: Any, where: str) -> Any:
    base = get_origin(kind) or kind
    if base is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, base) or (base is int and isinstance(value, bool)):
        raise InputError(f"{where} must be {_words(base)}, not {value!r}")
    if base is list:
        return [_coerce(item, get_args(kind)[0], where) for item in value]
    if base is dict and get_args(kind)[1] is not Any:
        return {key: _coerce(item, get_args(kind)[1], where) for key, item in value.items()}
    return value


def _from_text(text: str, kind: Any, where: str) -> Any:
    base = get_origin(kind) or kind
    if base is str:
        return text
    if base is bool and text.casefold() in ("1", "true", "yes", "0", "false", "no"):
        return text.casefold() in ("1", "true", "yes")
    if base is list and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    import tomllib

    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    return _coerce(value, kind, where)


def _words(kind: Any) -> str:
    words: dict[Any, str] = {
        str: "text",
        float: "a number",
        int: "a whole number",
        bool: "true or false",
        list: "a list",
        dict: "a table",
    }
    return words.get(kind, str(kind))
