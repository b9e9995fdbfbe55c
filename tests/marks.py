"""Marks that several test modules carry."""

from __future__ import annotations

import pytest

# MLflow defines its tables and models at its import in a way that its own libraries frown on.
imports_mlflow = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy is deprecated:DeprecationWarning",
    "ignore:.*Any type hint is inferred as AnyType:UserWarning",
)
