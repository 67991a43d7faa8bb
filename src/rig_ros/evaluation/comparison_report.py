"""The page that compares runs: tables beside published figures, curves, pictures, failures too."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rig_ros.evaluation import plots
from rig_ros.evaluation.comparison import (
    Group,
    Published,
    curve_rows,
    published,
    result_rows,
)
from rig_ros.evaluation.metrics import t_interval
from rig_ros.evaluation.report import Figure, Table, write_report
from rig_ros.evaluation.units import amount, unit_of

PICTURES = ('Goals and results', 'Reconstructions', 'Imagined goals')


def write_comparison(directory: Path, title: str, groups: Sequence[Group],
                     tables: Sequence[Table], unfinished: Mapping[str, str],
                     not_begun: int = 0) -> Path:
    """Write report.html, report.json, results.csv and curves.csv; return the page's path.

    Args:
        directory: made if absent.
        title: heading of the page.
        groups: finished runs.
        tables: what the page begins with, as `task_tables`.
        unfinished: names of runs that did not finish, and why, as far as that is known.
        not_begun: how many more of a sweep's runs there are to be.
    """
    tasks, figures = _by_task(groups), []
    for task, mine, theirs in tasks:
        figures += [draw(task, name, mine, theirs) for name in _objects(mine)
                    for draw in (_ranking, _curves)]
        figures += [figure for group in mine for figure in _pictures(group)]
    if unfinished:
        tables = [*tables, Table('Runs that did not finish', ('run', 'last words'),
                                 tuple(unfinished.items()), 'They are in no table and figure.')]
    runs = sum(len(group.runs) for group in groups)
    page = write_report(
        directory, title, {'runs': runs, 'runs_unfinished': len(unfinished),
                           'runs_not_begun': not_begun, 'tasks': len(tasks)},
        figures, tables, lead=_lead(groups))
    _write_csv(directory / 'results.csv', result_rows(groups))
    _write_csv(directory / 'curves.csv', curve_rows(groups))
    return page


def _by_task(groups: Sequence[Group]) -> list[tuple[str, list[Group], list[Published]]]:
    """Return each task with its groups and what was published of it."""
    literature = published()
    return [(task, [group for group in groups if group.task == task],
             [row for row in literature if row.task == task])
            for task in dict.fromkeys(group.task for group in groups)]


def task_tables(groups: Sequence[Group]) -> list[Table]:
    """Return the table of each task."""
    return [task_table(*content) for content in _by_task(groups)]


def _lead(groups: Sequence[Group]) -> str:
    told = sorted({group.method for group in groups if group.sees != 'pictures'})
    exception = f', except {", ".join(told)}, which were told true positions' if told else ''
    return (f'Each run learnt from pictures alone{exception}; distances are measured afterwards, '
            'from the simulation, on goal pictures it was never trained on.')


def _objects(groups: Sequence[Group]) -> list[str]:
    return list(dict.fromkeys(name for group in groups for name in group.objects))


def task_table(task: str, groups: Sequence[Group], literature: Sequence[Published]) -> Table:
    """Return a task's final distances, best first; doing nothing, and what was published."""
    rows: list[tuple[Any, ...]] = []
    for name in _objects(groups):
        measured = _best_first(groups, name)
        for group in measured:
            means = group.means(name)
            low, high = t_interval(means)
            interval = (f'{amount(max(low, 0.0), name)} to {amount(high, name)}'
                        if len(means) > 1 else 'one seed')
            rows.append((group.method, name, f'{group.env_steps:,}', len(means),
                         amount(float(np.mean(means)), name), interval,
                         amount(max(means), name)))
        rows.append(('doing nothing', name, '', '', amount(_idle(measured, name), name), '', ''))
        rows += [(f'published: {row.method}', name, f'{row.steps:,}' if row.steps else 'not given',
                  '', amount(row.value, name), '', '')
                 for row in literature if row.object == name]
    sources = dict.fromkeys(f'{row.method}: {row.source}' for row in literature)
    note = "Mean over seeds of the mean over goals, with Student's 95 % interval over seeds."
    if sources:
        note += ' Published: ' + '; '.join(sources) + '.'
    return Table(task, ('method', 'object', 'steps', 'seeds', 'mean', 'mean, 95 %', 'worst seed'),
                 tuple(rows), note, leads=True)


def _best_first(groups: Sequence[Group], name: str) -> list[Group]:
    return sorted((group for group in groups if name in group.objects),
                  key=lambda group: float(np.mean(group.means(name))))


def _idle(groups: Sequence[Group], name: str) -> float:
    """Return the mean distance of doing nothing."""
    return float(np.mean([group.do_nothing(name) for group in groups if name in group.objects]))


def _ranking(task: str, name: str, groups: Sequence[Group],
             literature: Sequence[Published]) -> Figure:
    """Return the final distance of each method, seed by seed, beside what was published."""
    measured = _best_first(groups, name)
    theirs = {f'{row.method}, published' + (f' ({row.steps:,} steps)' if row.steps else ''):
              row.value for row in literature if row.object == name}
    return Figure(f'{task}: {name} at the end',
                  plots.ranking({group.method: group.means(name) for group in measured}, theirs,
                                _idle(measured, name), unit_of(name)),
                  'points: seeds; bars: their mean; crosses: published')


def _curves(task: str, name: str, groups: Sequence[Group],
            literature: Sequence[Published]) -> Figure:
    # In one order for all objects, so that a method keeps its colour.
    ranked = _best_first(groups, _objects(groups)[0])
    bands = {group.method: group.curve(name) for group in ranked if name in group.objects}
    longest = max((band.x[-1] for band in bands.values() if band.x), default=0.0)
    points: dict[str, tuple[list[float], list[float]]] = {}
    for row in literature:  # those far beyond would leave no room for the curves
        if row.object == name and 0 < row.steps <= 1.5 * longest:
            steps, values = points.setdefault(row.method, ([], []))
            steps.append(float(row.steps))
            values.append(row.value)
    return Figure(f'{task}: {name} on the way',
                  plots.bands(bands, points, _idle(ranked, name), unit_of(name)),
                  'mean over seeds, few other goals than the final ones; shaded: 95 % over seeds; '
                  'crosses: published')


def _pictures(group: Group) -> list[Figure]:
    """Return the best and the worst seed's pictures."""
    ranked = group.best_to_worst()
    chosen = {f'best of {len(ranked)} seeds': ranked[0], 'worst': ranked[-1]}
    if len(ranked) == 1:
        chosen = {'only seed': ranked[0]}
    found = []
    for rank, run in chosen.items():
        for title in PICTURES:
            png = run.picture(title)
            if png is not None:
                found.append(Figure(f'{group.task}, {group.method}: {title.lower()}', png,
                                    f'seed {run.seed}, {rank}'))
    return found


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open('w', newline='', encoding='utf-8') as stream:
        writer = csv.DictWriter(stream, list(rows[0]) if rows else ['task'])
        writer.writeheader()
        writer.writerows(rows)
