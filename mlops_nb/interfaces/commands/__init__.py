"""The one table of verbs, from which every door is made.

A new verb is a function in ``flows/`` and a row in its group's part of the table.
"""

from __future__ import annotations

from mlops_nb.interfaces.commands.checks import CHECKS
from mlops_nb.interfaces.commands.data import DATA
from mlops_nb.interfaces.commands.jobs import JOBS
from mlops_nb.interfaces.commands.project import PROJECT
from mlops_nb.interfaces.commands.release import RELEASE
from mlops_nb.interfaces.commands.tracking import TRACKING
from mlops_nb.interfaces.verbs import Verb

VERBS: tuple[Verb, ...] = (*PROJECT, *TRACKING, *CHECKS, *RELEASE, *DATA, *JOBS)
