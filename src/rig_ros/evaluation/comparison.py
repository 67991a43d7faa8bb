"""Many training runs as groups: a task, a method, several seeds. Reads what they left; no torch.

A run's method is its folder's name without `-s<seed>` and what follows. Distances in metres, a
door's in radians. Statistics over seeds are of each seed's mean over goals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rig_ros import resources, settings
from rig_ros.errors import ConfigError, DataError
from rig_ros.evaluation.metrics import t_interval
from rig_ros.evaluation.plots import Band
from rig_ros.evaluation.run_files import RunFiles

MEAN = 'mean_distance_m'
HELD_OUT = 'held_out_mean_m'
"""Suffixes of metrics: on the few goals of the learning curve, and on the final ones."""


@dataclass(frozen=True)
class Published:
    """A figure from the literature."""

    task: str
    object: str
    method: str
    value: float
    """Metres, or radians for a door."""
    steps: int
    """Environment steps; 0 if not given."""
    source: str


@dataclass(frozen=True)
class Run:
    """A finished run."""

    files: RunFiles
    figures: dict[str, Any]
    """Content of its figures.json."""

    @property
    def method(self) -> str:
        """What it was run with."""
        return method_of(self.files.directory)

    @property
    def seed(self) -> int:
        """Its seed."""
        return int(self.figures['seed'])

    def mean(self, name: str) -> float:
        """Return an object's mean final distance over the held-out goals."""
        return float(self.figures['objects'][name]['mean_final_distance_m'])

    def picture(self, title: str) -> bytes | None:
        """Return a figure of its report as PNG, if it has one of that title."""
        path = self.files.picture(title)
        return path.read_bytes() if path.is_file() else None


@dataclass(frozen=True)
class Measured:
    """What the seeds of a method had reached at some point."""

    steps: int
    values: tuple[float, ...]
    """Each seed's mean distance."""
    held_out: bool
    """Whether on the final goals, not on the few of the learning curve."""


@dataclass(frozen=True)
class Group:
    """The finished runs of one method on one task, by seed."""

    task: str
    method: str
    runs: tuple[Run, ...]

    @property
    def objects(self) -> list[str]:
        """What is measured."""
        return list(self.runs[0].figures['objects'])

    @property
    def sees(self) -> str:
        """What the agent was given: pictures, unless it was a comparison."""
        return str(self.runs[0].figures.get('sees', 'pictures'))

    @property
    def env_steps(self) -> int:
        """Steps of the shortest run."""
        return min(int(run.figures['env_steps']) for run in self.runs)

    def means(self, name: str) -> list[float]:
        """Return each seed's mean final distance."""
        return [run.mean(name) for run in self.runs]

    def do_nothing(self, name: str) -> float:
        """Return the mean distance of doing nothing."""
        return float(np.mean([r.figures['objects'][name]['do_nothing_m'] for r in self.runs]))

    def measured(self, name: str, steps: int) -> Measured | None:
        """Return what was reached within so many steps: at the end, or at the last point before.

        Points on the final goals come first, then those of the learning curve. None where not all
        seeds have one in common.
        """
        if name not in self.objects:
            return None
        if max(int(run.figures['env_steps']) for run in self.runs) <= steps:
            return Measured(self.env_steps, tuple(self.means(name)), True)
        for suffix, held_out in ((HELD_OUT, True), (MEAN, False)):
            series = [dict(zip(*run.files.series(f'{name}_{suffix}'))) for run in self.runs]
            common = set.intersection(*map(set, series))
            within = [at for at in common if at <= steps]
            if within:
                at = max(within)
                return Measured(int(at), tuple(points[at] for points in series), held_out)
        return None

    def best_to_worst(self) -> list[Run]:
        """Return the runs by the mean distance of the task's primary object."""
        return sorted(self.runs, key=lambda run: float(run.figures['mean_final_distance_m']))

    def curve(self, name: str) -> Band:
        """Return the mean over seeds on the way, with its 95 % interval where seeds allow one."""
        at: dict[float, list[float]] = {}
        for run in self.runs:
            for step, value in zip(*run.files.series(f'{name}_{MEAN}')):
                at.setdefault(step, []).append(value)
        steps = sorted(s for s, values in at.items() if len(values) == len(self.runs))
        bounds = [t_interval(at[s]) if len(self.runs) > 1 else (at[s][0], at[s][0]) for s in steps]
        return Band(steps, [float(np.mean(at[s])) for s in steps],
                    [max(low, 0.0) for low, _ in bounds], [high for _, high in bounds])


def method_of(directory: Path) -> str:
    """Return the folder's name without its seed and what follows."""
    return re.sub(r'-s\d+(-.*)?$', '', directory.name)


def load(directories: Iterable[Path]) -> tuple[list[Group], list[Path]]:
    """Return groups of finished runs, and the runs that did not finish.

    Args:
        directories: of runs, or of sweeps, which stand for all their runs.

    Raises:
        ConfigError: one is neither a run nor a sweep, or none is finished.
        DataError: a file is damaged.
    """
    grouped: dict[tuple[str, str], list[Run]] = {}
    unfinished = []
    for directory in _runs(directories):
        files = RunFiles(directory)
        path = directory / 'figures.json'
        if not path.is_file():
            unfinished.append(directory)
            continue
        try:
            figures = json.loads(path.read_text(encoding='utf-8'))
            run = Run(files, figures)
            files.reload_metrics(int(figures['env_steps']), write=False)
            grouped.setdefault((figures['task'], run.method), []).append(run)
        except (ValueError, KeyError) as error:
            raise DataError(f'{path}: is damaged ({error!r}); leave that run out') from error
    if not grouped:
        raise ConfigError(f'runs: got {len(unfinished)}, none of them finished, allowed: one '
                          'finished run or more; finish one with rig_ros train --resume')
    groups = [Group(task, method, tuple(sorted(runs, key=lambda run: run.seed)))
              for (task, method), runs in sorted(grouped.items())]
    return groups, unfinished


def _runs(directories: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for directory in directories:
        if (directory / 'sweep.yaml').is_file():
            plan = settings.read_yaml(directory / 'sweep.yaml')
            found += [directory / 'runs' / f'{Path(recipe).stem}-s{seed}'
                      for recipe in plan['recipes'] for seed in plan['seeds']]
        elif (directory / 'config.yaml').is_file():
            found.append(directory)
        else:
            raise ConfigError(f'run: got {directory}, allowed: the folder of a run (with '
                              'config.yaml) or of a sweep (with sweep.yaml)')
    return list(dict.fromkeys(found))


def published() -> list[Published]:
    """Return the figures of `config/published.yaml`."""
    path = resources.find('config', 'published.yaml')
    return [settings.from_mapping(Published, row, f'{path.name}[{number}]')
            for number, row in enumerate(settings.read_yaml(path))]


def result_rows(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Return one row for each run and object, for a CSV file."""
    return [{'task': group.task, 'method': group.method, 'seed': run.seed,
             'env_steps': run.figures['env_steps'], 'object': name,
             'mean': values['mean_final_distance_m'],
             'median': values['median_final_distance_m'], 'worst': values['worst_m'],
             'do_nothing': values['do_nothing_m'], 'goals': run.figures['goals'],
             'wall_s': run.figures['wall_s'], 'run': str(run.files.directory)}
            for group in groups for run in group.runs
            for name, values in run.figures['objects'].items()]


def curve_rows(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Return one row for each run, object and evaluation on the way, for a CSV file."""
    return [{'task': group.task, 'method': group.method, 'seed': run.seed, 'object': name,
             'env_steps': int(steps), 'mean': value}
            for group in groups for run in group.runs for name in group.objects
            for steps, value in zip(*run.files.series(f'{name}_{MEAN}'))]
