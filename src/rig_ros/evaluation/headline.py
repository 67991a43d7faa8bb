"""The headline table: what was published, what is asked for, and what was measured; no torch.

Misses stand in the table like hits, and so does what was not run. Distances in metres, a door's in
radians.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rig_ros import resources, settings
from rig_ros.evaluation.comparison import Group, Measured
from rig_ros.evaluation.metrics import t_interval
from rig_ros.evaluation.report import Table
from rig_ros.evaluation.units import amount
from rig_ros.settings import require

ANY = 10 ** 12
COLUMNS = ('task', 'object', 'steps', 'published', 'at least', 'aim', 'measured', 'mean, 95 %',
           'seeds', 'verdict')


@dataclass(frozen=True)
class Target:
    """One row: what is asked for."""

    task: str
    object: str
    methods: tuple[str, ...]
    """Recipes that count; the first that was measured is taken."""
    steps: int
    """Environment steps it may take; 0 any number."""
    published: str
    """In words."""
    at_least: float | None = None
    aim: float | None = None
    share_of: str = ''
    """Method of which `at_least` and `aim` are shares, measured here on the same task."""

    def __post_init__(self) -> None:
        require(len(self.methods) > 0, 'methods', self.methods, 'one recipe or more')
        require(self.steps >= 0, 'steps', self.steps, '0 or more')

    def asked(self, share: float | None) -> str:
        """Return `at_least` or `aim` for people."""
        if share is None:
            return ''
        return f'{share:g} x {self.share_of}' if self.share_of else amount(share, self.object)


def targets() -> list[Target]:
    """Return the rows of `config/headline.yaml`.

    Raises:
        ConfigError: a row is not valid.
    """
    path = resources.find('config', 'headline.yaml')
    return [settings.from_mapping(Target, row, f'{path.name}[{number}]')
            for number, row in enumerate(settings.read_yaml(path))]


def milestones(task: str) -> list[int]:
    """Return the steps at which runs of a task are measured for the table."""
    return sorted({target.steps for target in targets() if target.task == task and target.steps})


def table(groups: Sequence[Group]) -> Table:
    """Return the headline table of finished runs."""
    note = ("Mean over seeds of the mean over 50 held-out goals, with Student's 95 % interval. "
            'Measured at the last milestone within the steps; * on the 10 goals of the learning '
            'curve.')
    return Table('Headline', COLUMNS, tuple(_row(target, groups) for target in targets()), note)


def _row(target: Target, groups: Sequence[Group]) -> tuple[Any, ...]:
    asked = (target.task, target.object, f'{target.steps:,}' if target.steps else 'any',
             target.published, target.asked(target.at_least), target.asked(target.aim))
    found = _measured(target, target.methods, groups)
    if found is None:
        return (*asked, '', '', '', 'not run')
    unit = 1.0
    if target.share_of:
        other = _measured(target, (target.share_of,), groups)
        if other is None:
            return (*asked, _figure(found, target), _interval(found, target), len(found.values),
                    f'{target.share_of} not run')
        unit = float(np.mean(other.values))
    return (*asked, _figure(found, target), _interval(found, target), len(found.values),
            _verdict(float(np.mean(found.values)) / unit, target))


def _measured(target: Target, methods: Sequence[str],
              groups: Sequence[Group]) -> Measured | None:
    for method in methods:
        for group in groups:
            if (group.task, group.method) == (target.task, method):
                found = group.measured(target.object, target.steps or ANY)
                if found is not None:
                    return found
    return None


def _figure(found: Measured, target: Target) -> str:
    mark = '' if found.held_out else '*'
    return f'{amount(float(np.mean(found.values)), target.object)}{mark} at {found.steps:,}'


def _interval(found: Measured, target: Target) -> str:
    if len(found.values) < 2:
        return 'one seed'
    low, high = t_interval(found.values)
    return f'{amount(max(low, 0.0), target.object)} to {amount(high, target.object)}'


def _verdict(value: float, target: Target) -> str:
    if target.aim is not None and value <= target.aim:
        return 'aim reached'
    if target.at_least is not None:
        return 'reached' if value <= target.at_least else 'MISSED'
    return '' if target.aim is None else 'aim missed'
