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
                     unfinished: Mapping[str, str], leading: Sequence[Table] = ()) -> Path:
    """Write report.html, report.json, results.csv and curves.csv; return the page's path.

    Args:
        directory: made if absent.
        title: heading of the page.
        groups: finished runs.
        unfinished: names of runs that did not finish, and why, as far as that is known.
        leading: tables before those of the tasks.
    """
    literature = published()
    tasks = list(dict.fromkeys(group.task for group in groups))
    tables, figures = list(leading), []
    for task in tasks:
        mine = [group for group in groups if group.task == task]
        theirs = [row for row in literature if row.task == task]
        tables.append(task_table(task, mine, theirs))
        figures += [_curves(task, name, mine, theirs) for name in _objects(mine)]
        figures += [figure for group in mine for figure in _pictures(group)]
    if unfinished:
        tables.append(Table('Runs that did not finish', ('run', 'last words'),
                            tuple(unfinished.items()), 'They are in no figure above.'))
    runs = sum(len(group.runs) for group in groups)
    page = write_report(
        directory, title, {'runs': runs, 'runs_unfinished': len(unfinished), 'tasks': len(tasks)},
        figures, tables, lead=_lead(groups))
    _write_csv(directory / 'results.csv', result_rows(groups))
    _write_csv(directory / 'curves.csv', curve_rows(groups))
    return page


def _lead(groups: Sequence[Group]) -> str:
    told = sorted({group.method for group in groups if group.sees != 'pictures'})
    exception = f', except {", ".join(told)}, which were told true positions' if told else ''
    return (f'Each run learnt from pictures alone{exception}; distances are measured afterwards, '
            'from the simulation, on goal pictures it was never trained on.')


def _objects(groups: Sequence[Group]) -> list[str]:
    return list(dict.fromkeys(name for group in groups for name in group.objects))


def task_table(task: str, groups: Sequence[Group], literature: Sequence[Published]) -> Table:
    """Return a task's final distances: ours, doing nothing, and what was published."""
    rows: list[tuple[Any, ...]] = []
    for name in _objects(groups):
        measured = [group for group in groups if name in group.objects]
        for group in measured:
            means = group.means(name)
            low, high = t_interval(means)
            interval = (f'{amount(max(low, 0.0), name)} to {amount(high, name)}'
                        if len(means) > 1 else 'one seed')
            rows.append((group.method, name, f'{group.env_steps:,}', len(means),
                         amount(float(np.mean(means)), name), interval,
                         amount(max(means), name)))
        idle = float(np.mean([group.do_nothing(name) for group in measured]))
        rows.append(('doing nothing', name, '', '', amount(idle, name), '', ''))
        rows += [(f'published: {row.method}', name, f'{row.steps:,}' if row.steps else 'not given',
                  '', amount(row.value, name), '', '')
                 for row in literature if row.object == name]
    sources = dict.fromkeys(f'{row.method}: {row.source}' for row in literature)
    note = "Mean over seeds of the mean over goals, with Student's 95 % interval over seeds."
    if sources:
        note += ' Published: ' + '; '.join(sources) + '.'
    return Table(task, ('method', 'object', 'steps', 'seeds', 'mean', 'mean, 95 %', 'worst seed'),
                 tuple(rows), note)


def _curves(task: str, name: str, groups: Sequence[Group],
            literature: Sequence[Published]) -> Figure:
    bands = {group.method: group.curve(name) for group in groups if name in group.objects}
    points = {row.method: ([float(r.steps) for r in literature if r.method == row.method
                            and r.object == name and r.steps],
                           [r.value for r in literature if r.method == row.method
                            and r.object == name and r.steps])
              for row in literature if row.object == name and row.steps}
    longest = max((band.x[-1] for band in bands.values() if band.x), default=0.0)
    near = {method: series for method, series in points.items() if min(series[0]) <= 1.5 * longest}
    idle = float(np.mean([g.do_nothing(name) for g in groups if name in g.objects]))
    return Figure(f'{task}: {name} on the way',
                  plots.bands(bands, near, idle, unit_of(name)),
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
