"""What a run keeps so that it can be replayed: its own modules, its files' content, its seeds.

The kernel gathers it after each cell, where it costs a comparison unless something is new.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mlops_nb.core.records import Run
from mlops_nb.core.strict_json import dumps
from mlops_nb.project import Project
from mlops_nb.tracking import seeds
from mlops_nb.tracking.inputs import HEARD, files_named, is_input, tags_of, values_named
from mlops_nb.tracking.modules import ELSEWHERE, FOLDER, LocalModules
from mlops_nb.tracking.redaction import redact

CODE_ROOT = "MLOPS_CODE_ROOT"
PATHS = "mlops.import_paths"
BEYOND = "mlops.files_not_recorded"
FILES_CAP = 100


class Evidence:
    """What is gathered for one run while its notebook runs in this process.

    Parameters
    ----------
    project : Project
    run : Run
    folder : Path
        Where the notebook works.
    """

    def __init__(self, project: Project, run: Run, folder: Path) -> None:
        self.project = project
        self.run_id = run.run_id
        self._began = run.started_at
        self.folder = folder
        self.root = code_root(project, folder)
        self._modules = LocalModules(self.root)
        self._elsewhere = 0
        self._sources: set[str] = set()
        self._seeds = {"PYTHONHASHSEED": seeds.hash_seed(), "begin": seeds.states()}
        self._tell({"mlops.seeds": dumps(self._seeds)})
        self._seen: set[Path] = set()
        self._files = 0
        HEARD.listen()

    def after_cell(self, source: str, namespace: Mapping[str, Any]) -> None:
        """Keep what is new since the last cell, whose names have values in `namespace`.

        Raises
        ------
        NotFoundError
            If the run's record is gone.
        UnavailableError
            If it can't be written.
        """
        self._keep_modules()
        named: Iterable[Path] = ()
        if source not in self._sources:
            # What a cell names it names again when it is run again.
            self._sources.add(source)
            named = files_named(source, self.folder, self._began).values()
        self._keep_files([*HEARD.taken(), *values_named(source, namespace, self.folder)], named)

    def end(self) -> None:
        """Keep what is only known at the end. It raises what `after_cell` does."""
        self._keep_modules()
        self._keep_files(HEARD.taken())
        HEARD.stop()
        self._tell({"mlops.seeds": dumps({**self._seeds, "end": seeds.states()})})

    def _keep_files(self, read: Iterable[Path], named: Iterable[Path] = ()) -> None:
        new = [path for path in named if path not in self._seen]
        self._seen.update(new)
        for path in read:
            if path not in self._seen:
                self._seen.add(path)
                if is_input(path, self.root, self._began):
                    new.append(path)
        room = max(FILES_CAP - self._files, 0)
        self._tell(tags_of(new[:room], self.root, self.project.root))
        self._files += len(new)
        if len(new) > room:
            self._tell({BEYOND: str(self._files - FILES_CAP)})

    def _keep_modules(self) -> None:
        first = not self._modules.looked
        new = self._modules.new()
        for path in list(self._modules.elsewhere)[self._elsewhere :]:
            clean = redact(self._modules.elsewhere[path])
            self.project.spool.keep(self.run_id, f"{ELSEWHERE}/{path.lstrip('/')}", clean)
            self._elsewhere += 1
        if not new and not first:
            return
        for path, data in new.items():
            clean = redact(data)
            if clean != data:
                self._modules.found[path] = "redacted"
            self.project.spool.keep(self.run_id, f"{FOLDER}{path}", clean)
        tags = {
            "mlops.modules": str(len(self._modules.found)),
            PATHS: dumps(sorted(self._modules.paths)),
        }
        if self._modules.not_whole:
            tags["mlops.modules_not_whole"] = dumps(self._modules.not_whole)
        self._tell(tags)

    def _tell(self, tags: dict[str, str]) -> None:
        if tags:
            self.project.spool.append(self.run_id, "tags", values=tags)


def file_tags(root: Path, sources: Iterable[str], folder: Path, began: datetime) -> dict[str, str]:
    """Return tags with the content of the files that cells name, and that were there before.

    What was written after the run began was written by it: it is none of its inputs.
    """
    files: dict[str, Path] = {}
    for source in sources:
        files |= files_named(source, folder, began)
    return tags_of(files.values(), root)


def code_root(project: Project, folder: Path) -> Path:
    """Return the folder that code and data of a run are relative to: the project's, if it is in it.

    A replay works in a copy of it, and is told where that is.
    """
    told = os.environ.get(CODE_ROOT)
    folder = folder.resolve()
    if told and folder.is_relative_to(told):
        return Path(told)
    return project.root if folder.is_relative_to(project.root) else folder
