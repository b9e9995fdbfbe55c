"""Whether the data that a mitigation is judged on are data that it has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_nb.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def refuse_seen(train: pd.DataFrame, test: pd.DataFrame) -> None:
    """Refuse to judge a mitigation on no data, or on those that it is fitted on.

    Single rows may well be alike in both; it is the whole of the test data that is looked for.

    Raises
    ------
    InputError
        If the test data have no rows, or are the training data, or some of their rows in order.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"x": [1, 2, 3]})
    >>> refuse_seen(data, data)
    Traceback (most recent call last):
    ...
    mlops_nb.core.errors.InputError: test is data that the mitigation is fitted on, all 3 rows; \
give rows that are not in train
    """
    rows = len(test)
    if not rows:
        raise InputError("test has no rows to judge a mitigation on")
    if not set(test.columns) <= set(train.columns):
        return
    # A part of the training data keeps their index; all of them may have got another one.
    part = train if len(train) == rows else train[train.index.isin(test.index)]
    part = part[list(test.columns)].reset_index(drop=True)
    if rows > 1 and part.equals(test.reset_index(drop=True)):
        raise InputError(
            f"test is data that the mitigation is fitted on, all {rows:,} rows",
            hint="give rows that are not in train",
        )
