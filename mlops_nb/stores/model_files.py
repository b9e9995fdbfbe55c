"""A model as MLflow files: saved in the safest format that can hold it, and loaded again."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.stores.mlflow_errors import first_line

if TYPE_CHECKING:
    from mlflow.models import Model
    from mlflow.models.signature import ModelSignature

# A skops file is data: loading builds only types from the list in its MLmodel, where a pickle may
# run any code. Whoever can write the files can write the list too, so this guards against accidents
# and not against forgery.
TRUSTED_PREFIXES = ("sklearn.", "numpy.", "scipy.", "fairlearn.", "mlops_nb.")

SIGNATURE_ROWS = 1000
EXAMPLE_ROWS = 5

# Where a distribution's name is not its module's. Others are looked up, which takes half a second.
_DISTRIBUTIONS = {"sklearn": "scikit-learn", "mlops_nb": "mlops-nb"}


def save(model: Any, folder: Path, description: Model, example: Any) -> str:
    """Save an estimator to a new folder, in MLflow's sklearn flavour, and return the format.

    Parameters
    ----------
    model : estimator
        Anything with ``predict``.
    folder : Path
        Must not exist yet.
    description : mlflow.models.Model
        What MLflow writes to `MLmodel`; the signature and the flavours are added to it.
    example : DataFrame, array or None
        Rows that the model can predict on; None leaves the signature out.

    Returns
    -------
    str
        "skops" where all its types are trusted, else "cloudpickle".

    Raises
    ------
    InputError
        If it is no estimator, can't predict on `example`, or can't be saved in either format.
    """
    import shutil

    import mlflow.sklearn
    from mlflow.exceptions import MlflowException

    if not callable(getattr(model, "predict", None)):
        raise InputError(
            f"a {type(model).__name__} can't be registered: it has no predict",
            hint="give an estimator, or the URI of a model that MLflow has logged",
        )
    arguments: dict[str, Any] = {
        "path": str(folder),
        "mlflow_model": description,
        "signature": _signature(model, example),
        "input_example": None if example is None else example[:EXAMPLE_ROWS],
    }
    requirements = pip_requirements(model)
    types = skops_types(model)
    if types is not None:
        try:
            mlflow.sklearn.save_model(
                model,
                serialization_format="skops",
                skops_trusted_types=types,
                pip_requirements=[*requirements, _pinned("skops")],
                **arguments,
            )
        except MlflowException:
            # It could be saved and not be loaded again, which MLflow tries.
            shutil.rmtree(folder, ignore_errors=True)
        else:
            return "skops"
    mlflow.sklearn.save_model(
        model,
        serialization_format="cloudpickle",
        pip_requirements=[*requirements, _pinned("cloudpickle")],
        **arguments,
    )
    return "cloudpickle"


def skops_types(model: Any) -> list[str] | None:
    """Return the types to trust so that skops can load the model; None if it can't hold it.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> skops_types(DummyClassifier().fit([[0], [1]], [0, 1]))
    []
    """
    import skops.io

    try:
        types = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    except Exception:  # noqa: BLE001 - each kind of object fails in skops with an error of its own
        return None
    return list(types) if all(name.startswith(TRUSTED_PREFIXES) for name in types) else None


def pip_requirements(model: Any) -> list[str]:
    """Return the installed packages that the model's classes and functions come from, pinned.

    MLflow's own way is to load the model in another process and to watch its imports: seconds.

    Raises
    ------
    InputError
        If the model can't be pickled.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> [name.split("==")[0] for name in pip_requirements(DummyClassifier())]
    ['scikit-learn']
    """
    packages = {name.partition(".")[0] for name in _modules(model)} | {"sklearn"}
    ours = packages - sys.stdlib_module_names - {"__main__"}
    return sorted({pin for package in ours if (pin := _requirement(package)) is not None})


def load(folder: Path) -> Any:
    """Load the model that was saved in a folder: an estimator, or MLflow's wrapper of another kind.

    Raises
    ------
    UnavailableError
        If a package that it needs is missing, or its files are gone or damaged.
    """
    import mlflow.pyfunc
    import mlflow.sklearn

    try:
        if "sklearn" in about(folder).flavors:
            return mlflow.sklearn.load_model(str(folder))
        return mlflow.pyfunc.load_model(str(folder))
    except ImportError as error:
        raise UnavailableError(
            f"the model in {folder} needs what is not installed here: {error}",
            hint=f"pip install -r {folder / 'requirements.txt'}",
        ) from error
    except Exception as error:  # a damaged file fails with errors of every kind
        raise UnavailableError(
            f"the model in {folder} can't be loaded: {first_line(error)}"
        ) from error


def about(path: Path) -> Model:
    """Read what an `MLmodel` file (or the one in a folder) says: flavours, run, signature."""
    from mlflow.models import Model

    return Model.load(str(path))


def serialization(found: dict[str, Any]) -> str:
    """Return the format of a logged model: its sklearn format, else its own flavour's name.

    Examples
    --------
    >>> serialization({"python_function": {}, "sklearn": {"serialization_format": "skops"}})
    'skops'
    >>> serialization({"python_function": {}, "pytorch": {}})
    'pytorch'
    """
    if "sklearn" in found:
        return str(found["sklearn"].get("serialization_format", "pickle"))
    native = [name for name in found if name != "python_function"]
    return native[0] if native else "python_function"


def _signature(model: Any, example: Any) -> ModelSignature | bool:
    if example is None:
        # False keeps MLflow from inferring one.
        return False
    import warnings

    from mlflow.exceptions import MlflowException
    from mlflow.models import infer_signature

    rows = example[:SIGNATURE_ROWS]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Hint: Inferred schema contains integer column")
        try:
            return infer_signature(rows, model.predict(rows))
        except (ValueError, TypeError, KeyError, MlflowException) as error:
            raise InputError(
                f"the {type(model).__name__} can't predict on the example given:"
                f" {first_line(error)}",
                hint="give rows with the columns that it was trained on",
            ) from error


def _modules(model: Any) -> set[str]:
    """Collect the modules of all that a pickle of the model would name."""
    import os

    import cloudpickle

    found: set[str] = set()

    class Listener(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle is untyped
        def persistent_id(self, thing: Any) -> None:
            # Called for every object; None lets it be pickled as usual.
            if isinstance(thing, ModuleType):
                found.add(thing.__name__)
            else:
                found.add(getattr(thing, "__module__", None) or type(thing).__module__)

    with Path(os.devnull).open("wb") as nowhere:
        try:
            Listener(nowhere).dump(model)
        except Exception as error:  # each class refuses to be pickled with an error of its own
            raise InputError(
                f"the {type(model).__name__} can't be saved: {error}",
                hint="models with open files, locks, generators or connections can't be",
            ) from error
    return found


def _requirement(package: str) -> str | None:
    """Return the pinned distribution of an import package; None for a user's own module."""
    from importlib.metadata import PackageNotFoundError

    try:
        return _pinned(_DISTRIBUTIONS.get(package, package))
    except PackageNotFoundError:
        distributions = _distributions().get(package)
    if distributions:
        return _pinned(distributions[0])
    # Known and not installed: mlops_nb itself, run from its source.
    return _DISTRIBUTIONS.get(package)


def _pinned(distribution: str) -> str:
    from importlib.metadata import version

    # A local build's suffix (2.1+cpu) is on no index.
    return f"{distribution}=={version(distribution).partition('+')[0]}"


@cache
def _distributions() -> dict[str, list[str]]:
    from importlib.metadata import packages_distributions

    return dict(packages_distributions())
