"""Registered models: versions, aliases and files. MLflow owns them.

All that writes goes through MLflow's client, which is told its store each time: the user's own
MLflow settings (active run, tracking address) are never touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
from mlops_nb.core.records import ModelVersion
from mlops_nb.stores.disk import disk_errors
from mlops_nb.stores.locks import locked
from mlops_nb.stores.mlflow_errors import calling, first_line
from mlops_nb.stores.model_listing import list_versions

if TYPE_CHECKING:
    from mlflow import MlflowClient

SERIALIZATION_TAG = "mlops.serialization"
CLASS_TAG = "mlops.model_class"

_VERSIONS_TAG = "mlflow.modelVersions"
_REFUSED_IN_NAMES = "/:@"


@dataclass(frozen=True, slots=True)
class ModelStore:
    """The registered models of one project.

    Parameters
    ----------
    tracking_uri : str
        MLflow's store, for runs and models both.
    lock_path : Path
        File of the lock that whoever moves an alias holds. It excludes processes of this machine;
        MLflow itself has no conditional update.

    Raises
    ------
    UnavailableError
        From every method: MLflow's database or server can't be used.
    """

    tracking_uri: str
    lock_path: Path

    def versions(self, name: str | None = None) -> list[ModelVersion]:
        """List the versions of one model or of all, newest first; empty for an unknown name."""
        return list_versions(self.tracking_uri, name)

    def get(self, name: str, version_or_alias: int | str | None = None) -> ModelVersion:
        """Return one version: by number ("3", "v3"), by alias, or the newest.

        Raises
        ------
        NotFoundError
            If there is no such model, version or alias.
        """
        versions = self.versions(name)
        if not versions:
            names = sorted({version.name for version in self.versions()})
            raise NotFoundError.among("model", name, names, hint="none is registered yet")
        if version_or_alias is None:
            return versions[0]
        wanted = str(version_or_alias)
        for version in versions:
            if wanted in (str(version.version), f"v{version.version}", *version.aliases):
                return version
        aliases = [alias for version in versions for alias in version.aliases]
        known = [*aliases, *(str(version.version) for version in versions)]
        raise NotFoundError.among(f"version or alias of {name!r}", wanted, known)

    def aliases(self, name: str) -> dict[str, int]:
        """Return which version each alias of a model is at, as it is now."""
        return {
            alias: version.version for version in self.versions(name) for alias in version.aliases
        }

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Put an alias at a version, wherever it was.

        Raises
        ------
        NotFoundError
            If there is no such version.
        InputError
            If MLflow reserves that alias ("latest", "v1").
        """
        with calling(self.tracking_uri) as mlflow:
            mlflow.set_registered_model_alias(name, alias, str(version))

    def remove_alias(self, name: str, alias: str) -> None:
        """Take an alias off a model."""
        with calling(self.tracking_uri) as mlflow:
            mlflow.delete_registered_model_alias(name, alias)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the registry for oneself, from reading an alias to moving it."""
        # The client first: it takes seconds to import, and others wait for the lock.
        with calling(self.tracking_uri), locked(self.lock_path, what="the model registry"):
            yield

    def register(
        self,
        model: Any,
        name: str,
        *,
        mlflow_run_id: str | None = None,
        example: Any = None,
        tags: Mapping[str, str] | None = None,
        description: str = "",
    ) -> ModelVersion:
        """Make the next version of a model.

        Parameters
        ----------
        model : estimator or str
            Anything with ``predict``; or the address of a model that MLflow has logged:
            ``runs:/RUN/NAME``, ``models:/m-ID``, ``models:/NAME/VERSION``, ``models:/NAME@ALIAS``.
        name : str
            The registered model's name; made where it is new.
        mlflow_run_id : str
            The run that made the estimator; an address knows its own.
        example : DataFrame or array, optional
            Rows that the model can predict on: the signature is inferred from the first thousand,
            and the first five are kept beside the model.
        tags, description
            Of the version. ``mlops.serialization`` is always added ("skops" where all types in it
            are known ones, else "cloudpickle", which may run any code on loading), and for an
            estimator ``mlops.model_class``.

        Raises
        ------
        InputError
            If the name, the model or the example is of no use.
        NotFoundError
            If there is no such run or logged model.

        Examples
        --------
        >>> version = store.register(model, "credit", mlflow_run_id=run.mlflow_run_id,
        ...                          example=X_test)                        # doctest: +SKIP
        >>> version.version, version.tags["mlops.serialization"]            # doctest: +SKIP
        (1, 'skops')
        """
        check_name(name)
        with calling(self.tracking_uri) as mlflow, disk_errors(self.lock_path.parent):
            if isinstance(model, str):
                logged = self._find_logged(mlflow, model)
            else:
                logged = self._log(mlflow, model, name, mlflow_run_id, example)
            _ensure_registered(mlflow, name)
            made = mlflow.create_model_version(
                name,
                # Not models:/m-ID, which MLflow would look up in the user's own tracking address.
                source=logged.location,
                run_id=logged.run_id,
                model_id=logged.model_id,
                tags={**logged.tags, **(tags or {})},
                description=description or None,
            )
            _link(mlflow, logged.model_id, name, made.version)
        return self.get(name, made.version)

    def load(self, version: ModelVersion) -> Any:
        """Load a version's estimator. Its files are trusted: loading may run what they hold.

        Raises
        ------
        UnavailableError
            If its files are gone or damaged, a package is missing, or it loads as another class
            than was registered.
        """
        from mlops_nb.stores import model_files

        with calling(self.tracking_uri) as mlflow:
            at = mlflow.get_model_version_download_uri(version.name, str(version.version))
        with self._fetched(at) as folder:
            estimator = model_files.load(folder)
        expected = version.tags.get(CLASS_TAG)
        if expected is not None and _class_name(estimator) != expected:
            raise UnavailableError(
                f"version {version.version} of {version.name!r} was registered as {expected} and"
                f" loads as {_class_name(estimator)}"
            )
        return estimator

    def _log(
        self,
        mlflow: MlflowClient,
        model: Any,
        name: str,
        mlflow_run_id: str | None,
        example: Any,
    ) -> _Logged:
        """Log an estimator as ``mlflow.sklearn.log_model`` does, but to the run and store given."""
        import tempfile

        from mlflow.entities import LoggedModelOutput
        from mlflow.models import Model

        from mlops_nb.stores import model_files

        if mlflow_run_id is None:
            raise InputError(
                "a model is registered with the run that made it, and none is open",
                hint="open one with `track`, or name one with --run",
            )
        experiment = mlflow.get_run(mlflow_run_id).info.experiment_id
        with tempfile.TemporaryDirectory(prefix="mlops-model-") as scratch:
            folder = Path(scratch, "model")
            logged = mlflow.create_logged_model(
                experiment, name=_logged_name(name), source_run_id=mlflow_run_id
            )
            try:
                described = Model(
                    artifact_path=logged.artifact_location,
                    run_id=mlflow_run_id,
                    model_id=logged.model_id,
                    model_uuid=logged.model_id,
                )
                saved_as = model_files.save(model, folder, described, example)
                mlflow.log_model_artifacts(logged.model_id, str(folder))
            except BaseException:
                mlflow.delete_logged_model(logged.model_id)
                raise
            mlflow.finalize_logged_model(logged.model_id, "READY")
        mlflow.log_outputs(mlflow_run_id, [LoggedModelOutput(logged.model_id, step=0)])
        return _Logged(
            location=logged.artifact_location,
            run_id=mlflow_run_id,
            model_id=logged.model_id,
            tags={SERIALIZATION_TAG: saved_as, CLASS_TAG: _class_name(model)},
        )

    def _find_logged(self, mlflow: MlflowClient, address: str) -> _Logged:
        """Find a model that MLflow has logged already."""
        from mlops_nb.stores import model_files

        kind, _, reference = address.partition(":/")
        if kind == "runs":
            location = _of_run(mlflow, *reference.partition("/")[::2])
        elif kind == "models" and reference.startswith("m-"):
            location = mlflow.get_logged_model(reference).artifact_location
        elif kind == "models":
            version = self.get(*reference.replace("@", "/").split("/", maxsplit=1))
            location = mlflow.get_model_version_download_uri(version.name, str(version.version))
        else:
            raise InputError(
                f"{address!r} is not the address of a logged model",
                hint="write runs:/RUN/NAME, models:/m-ID or models:/NAME/VERSION",
            )
        with self._fetched(f"{location}/MLmodel") as file:
            about = model_files.about(file)
        saved_as = model_files.serialization(about.flavors)
        return _Logged(location, about.run_id, about.model_id, {SERIALIZATION_TAG: saved_as})

    @contextmanager
    def _fetched(self, location: str) -> Iterator[Path]:
        """Give the local path of an artifact; a copy that had to be fetched is removed again."""
        import tempfile

        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        is_local = urlsplit(location).scheme in ("", "file")
        with tempfile.TemporaryDirectory(prefix="mlops-model-") as scratch:
            try:
                path = download_artifacts(
                    artifact_uri=location,
                    dst_path=None if is_local else scratch,
                    tracking_uri=self.tracking_uri,
                )
            except (OSError, MlflowException) as error:
                raise UnavailableError(
                    f"can't get the model's files from {location}: {first_line(error)}"
                ) from error
            yield Path(path)


@dataclass(frozen=True, slots=True)
class _Logged:
    """A model that MLflow has logged: where it lies, which run made it, what it is."""

    location: str
    run_id: str | None
    model_id: str | None
    tags: Mapping[str, str]


def check_name(name: str) -> str:
    """Return a model's name, or refuse one that MLflow or ``NAME@ALIAS`` can't have.

    Raises
    ------
    InputError
        If it is empty, has a line break, ``/``, ``:`` or ``@``, or is longer than 250 characters.

    Examples
    --------
    >>> check_name("credit default")
    'credit default'
    """
    if (
        not name.strip()
        or len(name) > 250
        or not name.isprintable()
        or any(sign in name for sign in _REFUSED_IN_NAMES)
    ):
        raise InputError(
            f"{name!r:.60} can't be a model's name",
            hint="use one line of 1 to 250 characters without '/', ':' and '@'",
        )
    return name


def _of_run(mlflow: MlflowClient, run_id: str, path: str) -> str:
    """Return where the model lies that a run logged under that name, the latest of several."""
    run = mlflow.get_run(run_id)
    outputs = sorted(run.outputs.model_outputs if run.outputs else [], key=lambda o: o.step)
    models = [mlflow.get_logged_model(output.model_id) for output in outputs]
    named = [model for model in models if model.name == path]
    if named:
        return str(named[-1].artifact_location)
    # Before MLflow 3 a model lay among the run's artifacts.
    if any(item.path == f"{path}/MLmodel" for item in mlflow.list_artifacts(run_id, path)):
        return f"{run.info.artifact_uri}/{path}"
    raise NotFoundError.among(
        f"model of run {run_id}", path, [m.name for m in models], hint="that run logged no model"
    )


def _ensure_registered(mlflow: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        mlflow.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _link(mlflow: MlflowClient, model_id: str | None, name: str, version: int | str) -> None:
    """Note on the logged model which version it is, as MLflow's own functions do for its UI."""
    import json

    if model_id is None:
        return
    noted = json.loads(mlflow.get_logged_model(model_id).tags.get(_VERSIONS_TAG, "[]"))
    # A server has noted it by itself.
    others = [v for v in noted if (v["name"], int(v["version"])) != (name, int(version))]
    noted = [*others, {"name": name, "version": int(version)}]
    mlflow.set_logged_model_tags(model_id, {_VERSIONS_TAG: json.dumps(noted)})


def _logged_name(name: str) -> str:
    """Return a registered model's name with what MLflow refuses in a logged one's replaced."""
    return "".join("-" if sign in "/:.%\"'" else sign for sign in name)


def _class_name(model: Any) -> str:
    return f"{type(model).__module__}.{type(model).__qualname__}"
