"""One self-contained HTML page and one JSON file for a run: train, evaluate, demo.

Nothing on the page is fetched from elsewhere; pictures are embedded. Example:

    write_report(directory, 'demo', {'median_final_distance_m': 0.012},
                 figures=[Figure('Goals and results', png(sheet), 'goal | final')],
                 tables=[Table('Per goal', ('goal', 'final [cm]'), rows)])
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from rig_ros.evaluation.protocol import Evaluation
from rig_ros.evaluation.units import CENTIMETRES, RADIANS, amount, unit_of
from rig_ros.settings import require

REPORT_HTML = 'report.html'
REPORT_JSON = 'report.json'
SHORT_TABLE = 12
"""Rows."""


@dataclass(frozen=True)
class Figure:
    """A picture on the page."""

    title: str
    png: bytes
    """Content of a PNG file."""
    caption: str = ''

    @property
    def source(self) -> str:
        """The picture as a data URI."""
        return 'data:image/png;base64,' + base64.b64encode(self.png).decode()


@dataclass(frozen=True)
class Table:
    """A table on the page; numbers are shown as given, so round and convert them first."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ''
    leads: bool | None = None
    """Whether it stands before the pictures; if not said, when it is short."""

    @property
    def before_pictures(self) -> bool:
        """Where it stands."""
        return len(self.rows) <= SHORT_TABLE if self.leads is None else self.leads

    def __post_init__(self) -> None:
        for row in self.rows:
            require(len(row) == len(self.columns), f'table {self.title!r} row', row,
                    f'{len(self.columns)} cells: {self.columns}')


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write figures as JSON; infinite and undefined numbers become null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_plain(content), indent=2) + '\n', encoding='utf-8')


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, 'tolist'):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def evaluation_tables(evaluation: Evaluation) -> list[Table]:
    """Return the summary by object, do-nothing line included, and the table of goals."""
    summary_rows: list[tuple[Any, ...]] = []
    for name in evaluation.objects:
        summary = evaluation.summary(name)
        low, high = summary.mean_interval
        rates = [f'{100 * rate:.0f} %' for rate in summary.success.values()]
        summary_rows.append((name, amount(summary.median, name), amount(summary.mean, name),
                             f'{amount(low, name)} to {amount(high, name)}',
                             amount(summary.worst, name), *rates))
        idle = Evaluation(tuple(
            type(record)(record.index, record.do_nothing, record.do_nothing, record.goal_image,
                         record.final_image) for record in evaluation.records), 0).summary(name)
        rates = [f'{100 * rate:.0f} %' for rate in idle.success.values()]
        summary_rows.append((f'{name}, doing nothing', amount(idle.median, name),
                             amount(idle.mean, name), '', amount(idle.worst, name), *rates))
    units = dict.fromkeys(unit_of(name) for name in evaluation.objects)
    thresholds = ['below ' + ' or '.join(f'{unit.scale * t:g} {unit.name}' for unit in units)
                  for t in evaluation.summary().success]
    objects = evaluation.objects
    columns = ('goal', *[f'{name}, {when}' for name in objects for when in ('start', 'final')])
    rows = tuple((record.index, *[amount(distances[name], name) if name in distances else ''
                                  for name in objects
                                  for distances in (record.do_nothing, record.final)])
                 for record in evaluation.records)
    return [
        Table('Final distance to the goal', ('object', 'median', 'mean', 'mean, 95 %', 'worst',
                                             *thresholds), tuple(summary_rows),
              f'{len(evaluation.records)} goal pictures the model was never trained on, '
              f'{evaluation.steps} steps each, without exploration.'),
        Table('Goal by goal', columns, rows)]


def write_report(directory: Path, title: str, summary: Mapping[str, Any],
                 figures: Sequence[Figure] = (), tables: Sequence[Table] = (),
                 config: str = '', lead: str = '') -> Path:
    """Write `report.html` and `report.json` into a directory.

    Args:
        directory: made if absent.
        title: heading of the page.
        summary: figures for the JSON file, flat keys with units in their names; those ending in
            `_m`, `_s`, and counts are also shown at the top of the page; those ending in `_m` are
            radians where `unit` is 'rad'.
        figures: pictures, in order.
        tables: tables, in order; in the JSON file each is a list of rows keyed by column.
        config: text shown as is (the run's YAML).
        lead: one or two sentences under the heading.

    Returns:
        The path of the HTML file.
    """
    directory.mkdir(parents=True, exist_ok=True)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page = environment.from_string(_TEMPLATE).render(
        title=title, lead=lead, tiles=_tiles(summary), figures=figures, tables=tables,
        config=config)
    path = directory / REPORT_HTML
    path.write_text(page, encoding='utf-8')
    write_json(directory / REPORT_JSON, {
        'title': title, **summary, 'config': config,
        'tables': {t.title: [dict(zip(t.columns, row)) for row in t.rows] for t in tables}})
    return path


def _tiles(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    tiles = []
    unit = RADIANS if summary.get('unit') == RADIANS.name else CENTIMETRES
    for key, value in summary.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if key.endswith('_m'):
            tiles.append((key[:-2].replace('_', ' '), unit.text(value)))
        elif key.endswith('_s'):
            tiles.append((key[:-2].replace('_', ' '), f'{value:.1f} s'))
        elif isinstance(value, int):
            tiles.append((key.replace('_', ' '), f'{value:,}'))
    return tiles


_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1000px; margin: 2rem auto;
       padding: 0 1rem; }
h1 { margin-bottom: .2rem; } h2 { margin-top: 2.2rem; font-size: 1.15rem; }
.tiles { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1.2rem 0; }
.tile { border: 1px solid #ddd; border-radius: 6px; padding: .5rem .9rem; }
.tile b { display: block; font-size: 1.25rem; } .tile span, .note { color: #666; }
table { border-collapse: collapse; font-size: 14px; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #e5e5e5; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; } figure { margin: 0; }
pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; }
.scroll { max-height: 28rem; overflow: auto; }
</style></head><body>
<h1>{{ title }}</h1>
{% if lead %}<p>{{ lead }}</p>{% endif %}
<div class="tiles">{% for name, value in tiles %}
<div class="tile"><b>{{ value }}</b><span>{{ name }}</span></div>{% endfor %}
</div>
{% for table in tables if table.before_pictures %}{{ show(table) }}{% endfor %}
{% for figure in figures %}
<h2>{{ figure.title }}</h2>
<figure><img alt="{{ figure.title }}" src="{{ figure.source }}">
<figcaption class="note">{{ figure.caption }}</figcaption></figure>
{% endfor %}
{% for table in tables if not table.before_pictures %}{{ show(table) }}{% endfor %}
{% if config %}<h2>Configuration</h2><pre>{{ config }}</pre>{% endif %}
</body></html>
"""

_TABLE_MACRO = """{% macro show(table) %}
<h2>{{ table.title }}</h2>{% if table.note %}<p class="note">{{ table.note }}</p>{% endif %}
<div class="scroll"><table><tr>{% for c in table.columns %}<th>{{ c }}</th>{% endfor %}</tr>
{% for row in table.rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table></div>
{% endmacro %}"""

_TEMPLATE = _TABLE_MACRO + _TEMPLATE
