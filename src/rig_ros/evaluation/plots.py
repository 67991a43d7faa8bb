"""Curves as PNG, drawn with matplotlib's Agg backend (no display). Distances in metres, rad."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rig_ros.evaluation.units import CENTIMETRES, Unit

_SIZE_INCHES = (7.0, 3.2)
_DPI = 110
_ROW_INCHES = 0.24
_LEGEND_LINE_INCHES = 0.17
_STYLES = ('-', '--', ':')
COLOURS = 10
"""Of curves, before they are drawn in another style."""

Series = tuple[Sequence[float], Sequence[float]]


def _axes(xlabel: str, ylabel: str,
          size_inches: tuple[float, float] = _SIZE_INCHES) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size_inches, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.grid(alpha=0.3)
    axes.spines[['top', 'right']].set_visible(False)
    return figure, axes


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format='png', dpi=_DPI)
    return stream.getvalue()


def learning_curve(curves: Mapping[str, Series], do_nothing: float | None = None,
                   unit: Unit = CENTIMETRES) -> bytes:
    """Return final distance over environment steps, do-nothing line included.

    Args:
        curves: name to (environment steps, distances), all of one unit.
        do_nothing: mean distance of doing nothing, drawn as a dashed line.
        unit: of the axis.
    """
    figure, axes = _axes('environment steps', f'final distance [{unit.name}]')
    for name, (steps, distances) in curves.items():
        axes.plot(steps, [unit.scale * d for d in distances], marker='o', markersize=3, label=name)
    if do_nothing is not None:
        axes.axhline(unit.scale * do_nothing, color='grey', linestyle='--', label='doing nothing')
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.legend(frameon=False)
    return _png(figure)


@dataclass(frozen=True)
class Band:
    """A curve with bounds."""

    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


def bands(curves: Mapping[str, Band], points: Mapping[str, Series], do_nothing: float,
          unit: Unit) -> bytes:
    """Return final distances over environment steps, with bounds, and published points.

    Args:
        curves: method to distances [m], or [rad] for a door.
        points: method to (environment steps, published distances).
        do_nothing: mean distance of doing nothing, drawn as a dashed line.
        unit: of the axis.
    """
    name, scale = unit.name, unit.scale
    width, height = _SIZE_INCHES
    lines = len(curves) + len(points) + 1
    figure, axes = _axes('environment steps', f'final distance [{name}]',
                         (width + 2, max(height, _LEGEND_LINE_INCHES * lines + 0.5)))
    for number, (method, band) in enumerate(curves.items()):
        style = _STYLES[number // COLOURS % len(_STYLES)]
        line, = axes.plot(band.x, [scale * y for y in band.y], style, marker='o', markersize=3,
                          label=method)
        axes.fill_between(band.x, [scale * y for y in band.low], [scale * y for y in band.high],
                          color=line.get_color(), alpha=0.15, linewidth=0)
    for method, (x, y) in points.items():
        axes.plot(x, [scale * value for value in y], 'x', label=f'{method}, published')
    axes.axhline(scale * do_nothing, color='grey', linestyle='--', label='doing nothing')
    highest = max([do_nothing, *(y for band in curves.values() for y in band.y)])
    axes.set_ylim(0, 1.25 * scale * highest)  # a wide interval of two seeds must not hide all else
    axes.set_xlim(left=0)
    axes.legend(frameon=False, fontsize=8, loc='upper left', bbox_to_anchor=(1, 1))
    return _png(figure)


def ranking(methods: Mapping[str, Sequence[float]], published: Mapping[str, float],
            do_nothing: float, unit: Unit) -> bytes:
    """Return final distances of methods, a row for each, above what was published.

    Args:
        methods: to each seed's mean distance [m], or [rad] for a door; in this order.
        published: what was published to its distance, shown below.
        do_nothing: mean distance of doing nothing, drawn as a dashed line.
        unit: of the axis.
    """
    rows = [*methods, *published]
    figure, axes = _axes(f'final distance [{unit.name}]', '',
                         (_SIZE_INCHES[0] + 2, _ROW_INCHES * len(rows) + 1))
    for row, values in enumerate(methods.values()):
        axes.barh(row, unit.scale * sum(values) / len(values), color='tab:blue', alpha=0.35)
        axes.plot([unit.scale * value for value in values], [row] * len(values), 'o',
                  color='tab:blue', markersize=4)
    for row, value in enumerate(published.values(), len(methods)):
        axes.plot([unit.scale * value], [row], 'x', color='tab:red')
    axes.axvline(unit.scale * do_nothing, color='grey', linestyle='--', label='doing nothing')
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.legend(frameon=False, fontsize=8, loc='lower right')
    return _png(figure)


def line_plot(curves: Mapping[str, Series], xlabel: str, ylabel: str) -> bytes:
    """Return lines over a common axis, for losses and the like."""
    figure, axes = _axes(xlabel, ylabel)
    for name, (x, y) in curves.items():
        axes.plot(x, y, label=name, linewidth=1.2)
    if len(curves) > 1:
        axes.legend(frameon=False)
    return _png(figure)


def histogram(values: Sequence[float], do_nothing: float | None = None,
              unit: Unit = CENTIMETRES) -> bytes:
    """Return how final distances are spread."""
    figure, axes = _axes(f'final distance [{unit.name}]', 'goals')
    axes.hist([unit.scale * v for v in values], bins=20)
    if do_nothing is not None:
        axes.axvline(unit.scale * do_nothing, color='grey', linestyle='--', label='doing nothing')
        axes.legend(frameon=False)
    axes.set_xlim(left=0)
    return _png(figure)


def bars(groups: Mapping[str, Sequence[int]], low: float, high: float, xlabel: str) -> bytes:
    """Return histograms over one common range, drawn as steps.

    Args:
        groups: name to counts in bins of equal width.
        low: left edge of the first bin.
        high: right edge of the last bin.
        xlabel: what the range is.
    """
    figure, axes = _axes(xlabel, 'count')
    for name, counts in groups.items():
        width = (high - low) / len(counts)
        axes.stairs(counts, [low + width * i for i in range(len(counts) + 1)], label=name)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=7, ncols=max(1, len(groups) // 4))
    return _png(figure)
