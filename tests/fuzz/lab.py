"""The folder of a worker: miniatures that are made once, and a copy of them for every case."""

import os
import shutil
from pathlib import Path

from .guard import CANARY


class Lab:
    """A folder with ``inside``, where cases lie, ``outside``, where no link may lead, and ``spare``, where any may."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.inside, self.outside = self.folder / "inside", self.folder / "outside"
        self.spare = self.inside / "spare"
        for each in (self.inside, self.outside, self.spare):
            each.mkdir(parents=True, exist_ok=True)
        (self.outside / "canary.txt").write_text(f"{CANARY} 1\n" * 4)
        self._made, self.case, self.guard = {}, None, None

    def start(self, index):
        """The empty folder of a case."""
        self.case = self.inside / f"case-{index}"
        shutil.rmtree(self.case, ignore_errors=True)
        self.case.mkdir()
        return self.case

    def end(self):
        """Remove the folder of the case."""
        shutil.rmtree(self.case, ignore_errors=True)

    def template(self, name, build):
        """What ``build(folder)`` makes and returns, made once; ``name`` is its folder."""
        if name not in self._made:
            folder = self.inside / "templates" / name
            folder.mkdir(parents=True)
            self._made[name] = folder, build(folder)
        return self._made[name]

    def copy(self, folder):
        """The case's folder with the files of a template as hard links: replace them, never write into them."""
        shutil.rmtree(self.case)
        shutil.copytree(folder, self.case, copy_function=os.link, symlinks=True)
        return self.case
