"""Goals by name: a folder with one PNG and one JSON file each, to be read and copied by anybody.

The JSON holds where the picture is from, when it was saved, where things truly were in it (when a
simulation told), and the attempts to reach it.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rig_ros.console.truth import Places, places
from rig_ros.errors import DataError
from rig_ros.vision.image import Picture, check_goal, read_picture, write_picture

NAME = re.compile(r'[a-z0-9][a-z0-9_-]{0,39}')
MAX_GOALS = 500
MAX_ATTEMPTS = 200
BIN = '.removed'


@dataclass
class SavedGoal:
    """A goal of the library, without its picture."""

    name: str
    source: str = ''
    """Where the picture is from, in words."""
    created: str = ''
    attempts: list[dict[str, Any]] = field(default_factory=list)
    """Results, oldest first: `id`, `when`, `outcome`, `distance`, `gap`, `success` (None: no
    label)."""
    truth: Places = field(default_factory=dict)

    @property
    def summary(self) -> dict[str, Any]:
        """What the page shows of it."""
        labels = [a['success'] for a in self.attempts if a.get('success') is not None]
        return {'name': self.name, 'source': self.source, 'created': self.created,
                'attempts': len(self.attempts), 'labelled': len(labels),
                'successes': sum(labels)}


def check_name(name: str) -> str:
    """Return a goal's name.

    Raises:
        DataError: it is not one.
    """
    if not NAME.fullmatch(name):
        raise DataError(f'goal name: got {name[:60]!r}, allowed: small letters, digits, - and _, '
                        'at most 40')
    return name


class Library:
    """The goals of one folder; files that are not goals are left alone."""

    def __init__(self, folder: Path) -> None:
        """Read what is there; the folder is made when the first goal is saved."""
        self._folder = folder
        self.goals: dict[str, SavedGoal] = {}
        for path in sorted(folder.glob('*.png'))[:MAX_GOALS]:
            if NAME.fullmatch(path.stem):
                self.goals[path.stem] = self._read(path.stem)

    def _read(self, name: str) -> SavedGoal:
        path = self._folder / f'{name}.json'
        try:
            values = json.loads(path.read_text(encoding='utf-8'))
            return SavedGoal(name, str(values.get('source', '')), str(values.get('created', '')),
                             [dict(a) for a in values.get('attempts', [])],
                             places(values.get('truth')))
        except (OSError, ValueError, AttributeError, TypeError):
            return SavedGoal(name, 'a file without a description')

    def truth(self, name: str) -> Places:
        """Return where things truly were in a goal's picture; empty when nobody told.

        Raises:
            DataError: there is no such goal.
        """
        return self._goal(name).truth

    def picture(self, name: str) -> Picture:
        """Return a goal's picture.

        Raises:
            DataError: there is no such goal, or its file cannot be used.
        """
        self._goal(name)
        picture = read_picture(self._folder / f'{name}.png')
        check_goal(picture, picture.shape[0])
        return picture

    def save(self, name: str, picture: Picture, source: str,
             truth: Places | None = None) -> SavedGoal:
        """Keep a picture under a new name.

        Raises:
            DataError: the name is no name, taken, or the folder is full or cannot be written.
        """
        check_name(name)
        if name in self.goals or (self._folder / f'{name}.png').exists():
            raise DataError(f'goal name: {name!r} is taken; choose another')
        if len(self.goals) >= MAX_GOALS:
            raise DataError(f'goal library: has {MAX_GOALS} goals, which is the most; remove one')
        goal = SavedGoal(name, source, time.strftime('%Y-%m-%d %H:%M'), truth=truth or {})
        write_picture(self._folder / f'{name}.png', picture)
        self.goals[name] = goal
        self._write(goal)
        return goal

    def remove(self, name: str) -> None:
        """Move a goal to the folder `.removed`.

        Raises:
            DataError: there is no such goal.
        """
        self._goal(name)
        bin_folder = self._folder / BIN
        bin_folder.mkdir(exist_ok=True)
        for path in (self._folder / f'{name}.png', self._folder / f'{name}.json'):
            if path.exists():
                path.replace(bin_folder / f'{time.time_ns()}-{path.name}')
        del self.goals[name]

    def note(self, name: str, attempt: dict[str, Any]) -> None:
        """Add an attempt, or replace the one of the same id; an unknown goal is left alone."""
        goal = self.goals.get(name)
        if goal is None:
            return
        goal.attempts = [a for a in goal.attempts if a.get('id') != attempt['id']]
        goal.attempts = [*goal.attempts, attempt][-MAX_ATTEMPTS:]
        self._write(goal)

    def _goal(self, name: str) -> SavedGoal:
        if name not in self.goals:
            raise DataError(f'goal: {name[:60]!r} is not in the library; reload the page')
        return self.goals[name]

    def _write(self, goal: SavedGoal) -> None:
        path = self._folder / f'{goal.name}.json'
        values = {k: v for k, v in asdict(goal).items() if k != 'name'}
        partial = path.with_suffix('.json.part')
        try:
            partial.write_text(json.dumps(values, indent=1), encoding='utf-8')
            partial.replace(path)
        except OSError as error:
            raise DataError(f'{path}: cannot be written ({error.strerror}); check the folder and '
                            'the disk') from error
