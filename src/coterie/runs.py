"""Run directories: what one command produced, how, and which stages are done.

A run knows nothing about training. A stage is a name, the files it wrote (with checksums) and a few
facts. Files are written whole (:mod:`coterie.files`) and only then entered in the manifest, so a
process killed at any moment leaves finished stages and nothing that looks finished but is not. Who
writes holds the run's lock (:mod:`coterie.locks`), and starts by removing what killed processes
left.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from coterie.errors import CoterieError, require_type
from coterie.files import (
    check_writable,
    checksum,
    explained,
    is_temporary,
    path_of,
    remove,
    temporaries,
    write_json,
)
from coterie.locks import LOCK, locked
from coterie.manifest import (
    FORMAT,
    MANIFEST,
    Facts,
    Manifest,
    differences,
    environment,
    read_manifest,
)

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True, repr=False)
class Run:
    """A run directory. Make one with :meth:`open`, read one with :meth:`existing`.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "run"
    >>> run = Run.open(folder, config={"epochs": 3}, fingerprint="abc")
    >>> _ = (run.folder / "scores.txt").write_text("0.9")
    >>> run.complete("train", [run.folder / "scores.txt"], seconds=1.5)
    >>> Run.existing(folder).done("train"), run.done("report"), run.about("train")
    (True, False, {'seconds': 1.5})
    """

    folder: Path
    manifest: Manifest = field(compare=False)

    @classmethod
    def open(cls, folder: str | Path, *, config: Mapping[str, object], fingerprint: str) -> Self:
        """Start a run in ``folder``, or continue the one that is there if it is the same run.

        ``config`` (JSON types) holds what the results depend on; ``fingerprint`` identifies the
        data. A run that was stopped before it kept anything does not bind the next one.

        Raises:
            CoterieError: the folder is unwritable, in use or not ours, or its run had another
                configuration or other data.
        """
        folder = path_of(folder, "folder")
        check_folder(folder)
        require_type("config", config, Mapping)
        require_type("fingerprint", fingerprint, str)
        settings = json.loads(json.dumps(dict(config), allow_nan=False))
        with locked(folder):
            run = cls.existing(folder) if (folder / MANIFEST).exists() else None
            if run is not None and not run.is_bare:
                run._check_agrees(settings, fingerprint)
            else:
                manifest: Manifest = {
                    "format": FORMAT,
                    "created": _now(),
                    "config": settings,
                    "fingerprint": fingerprint,
                    "environments": [],
                    "stages": {},
                }
                run = cls(folder, manifest)
            run._tidy()
            here = environment()
            if here not in run.manifest["environments"]:
                run.manifest["environments"].append(here)
                run._write()
        return run

    @classmethod
    def existing(cls, folder: str | Path) -> Self:
        """Open the run that is in ``folder``, whatever its configuration.

        Raises:
            CoterieError: there is no run in ``folder``, or its manifest is damaged.
        """
        folder = path_of(folder, "folder")
        if not is_run(folder):
            raise CoterieError(f"{str(folder)!r} is not a run directory: it has no {MANIFEST}.")
        return cls(folder, read_manifest(folder))

    @contextmanager
    def held(self) -> Iterator[Self]:
        """Let no other process or thread write in this run as long as the block takes.

        What they wrote until then is seen.

        Raises:
            CoterieError: another one holds it, which is named, or the folder cannot be written.
        """
        with locked(self.folder):
            self.manifest.update(self.existing(self.folder).manifest)
            self._tidy()
            yield self

    @property
    def config(self) -> Facts:
        """The configuration that the run was started with."""
        return self.manifest["config"]

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the data that the run was started with."""
        return self.manifest["fingerprint"]

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the finished stages, in the order in which they finished."""
        return tuple(self.manifest["stages"])

    @property
    def is_bare(self) -> bool:
        """Whether there is nothing but the manifest: no stage, no checkpoint."""
        ours = (self.folder / MANIFEST, self.folder / LOCK)
        files = (
            path
            for path in self.folder.rglob("*")
            if path.is_file() and not is_temporary(path.relative_to(self.folder))
        )
        return not self.stages and all(path in ours for path in files)

    def abandon(self) -> None:
        """Leave no trace of a run that keeps nothing: a corrected command can have its folder."""
        if self.is_bare:
            remove(self.folder)

    def done(self, stage: str) -> bool:
        """Whether ``stage`` is finished, all its files being as they were written.

        Raises:
            CoterieError: a file of the finished stage is missing or damaged; it is named.
        """
        if stage not in self.manifest["stages"]:
            return False
        for name, expected in self.manifest["stages"][stage]["files"].items():
            path = self.folder / name
            if not path.is_file():
                raise CoterieError(
                    f"{path} is missing: stage {stage!r} of the run wrote it. "
                    f"{_remedy(self.folder)}"
                )
            if checksum(path) != expected:
                raise CoterieError(
                    f"{path} is damaged: it is not what stage {stage!r} of the run wrote. "
                    f"{_remedy(self.folder)}"
                )
        return True

    def about(self, stage: str) -> Facts:
        """The facts given to :meth:`complete` for ``stage``."""
        if stage not in self.manifest["stages"]:
            raise CoterieError(
                f"Run {str(self.folder)!r} has not finished stage {stage!r}; finished: "
                f"{list(self.stages)}."
            )
        return self.manifest["stages"][stage]["about"]

    def complete(self, stage: str, files: Sequence[str | Path], **about: object) -> None:
        """Enter ``stage`` in the manifest.

        With its ``files`` (in the run directory) and facts (JSON types).
        """
        self.complete_together({stage: files}, **about)

    def complete_together(
        self, stages: Mapping[str, Sequence[str | Path]], **about: object
    ) -> None:
        """Enter several stages with their files, all of them or none, each with the same facts."""
        root = self.folder.resolve()
        for stage, files in stages.items():
            checksums = {
                Path(file).resolve().relative_to(root).as_posix(): checksum(file) for file in files
            }
            self.manifest["stages"][stage] = {"files": checksums, "about": about}
        self._write()

    def forget(self, *stages: str) -> None:
        """Take ``stages`` out of the manifest, because what they were made of changes.

        Their files stay until overwritten.
        """
        known = [stage for stage in stages if self.manifest["stages"].pop(stage, None) is not None]
        if known:
            self._write()

    def checkpoint(self, name: str) -> Path:
        """Folder for the checkpoint of a stage.

        One that has the stage's last name is dropped once the stage is finished.
        """
        return self.folder / CHECKPOINTS / name

    def drop_checkpoint(self, name: str) -> None:
        """Remove a checkpoint that nothing will be continued from."""
        remove(self.checkpoint(name))
        self._remove_empty_checkpoints()

    def _tidy(self) -> None:
        """Remove what killed processes left; for who holds the lock."""
        for stray in temporaries(self.folder):
            remove(stray)
        for stage in self.stages:
            remove(self.checkpoint(Path(stage).name))
        self._remove_empty_checkpoints()

    def _remove_empty_checkpoints(self) -> None:
        folders = (path for path in (self.folder / CHECKPOINTS).rglob("*") if path.is_dir())
        for each in sorted(folders, reverse=True):
            # Not empty, or not there.
            with suppress(OSError):
                each.rmdir()

    def _check_agrees(self, settings: Facts, fingerprint: str) -> None:
        if found := differences(self.config, settings):
            raise CoterieError(
                f"Run directory {str(self.folder)!r} holds a run with other settings: {found}. "
                "Choose another directory, or the same settings to continue."
            )
        if fingerprint != self.fingerprint:
            raise CoterieError(
                f"Run directory {str(self.folder)!r} holds a run on other data (fingerprint "
                f"{self.fingerprint[:12]}, now {fingerprint[:12]}). Choose another directory."
            )

    def _write(self) -> None:
        write_json(self.folder / MANIFEST, self.manifest)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, stages finished: {list(self.stages)})"


def is_run(folder: Path) -> bool:
    """Whether there is a manifest in ``folder``."""
    with explained(folder, "read"):
        return (folder / MANIFEST).is_file()


def check_folder(folder: str | Path) -> None:
    """Refuse a ``folder`` that cannot be made or written, or that holds something else than a run.

    Nothing is made yet.

    Raises:
        CoterieError: says which of the two it is.

    >>> check_folder(__file__)
    Traceback (most recent call last):
    coterie.errors.CoterieError: ... cannot be written: Not a directory.
    """
    folder = path_of(folder, "folder")
    with explained(folder, "written"):
        check_writable(folder)
        names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    # A process killed before it wrote its first manifest leaves only these.
    others = sorted(name for name in names if name != LOCK and not is_temporary(Path(name)))
    if MANIFEST in names:
        Run.existing(folder)
    elif others:
        raise CoterieError(
            f"Directory {str(folder)!r} is not empty and not a run of coterie (it holds "
            f"{others[0]!r}). Choose a new directory."
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _remedy(folder: Path) -> str:
    return f"Restore it, or start anew in another directory than {str(folder)!r}."
