"""One run over goals of the library, written as a report that can be kept and passed on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rig_ros.console.pursuits import Result
from rig_ros.errors import DataError
from rig_ros.evaluation.pictures import contact_sheet, png
from rig_ros.evaluation.report import Figure, Table, write_report
from rig_ros.vision.image import Picture


@dataclass(frozen=True)
class Attempt:
    """A goal that was pursued, and what the camera saw when its episode ended."""

    result: Result
    goal: Picture
    final: Picture | None


def write(folder: Path, attempts: Sequence[Attempt], bundle_id: str) -> Path:
    """Write `report.html` and `report.json` into a folder of its own; return the page.

    Args:
        folder: of all runs.
        attempts: in the order of their episodes.
        bundle_id: the model that acted.

    Raises:
        DataError: nothing was pursued.
    """
    if not attempts:
        raise DataError('evaluation: no goal was pursued; run the queue first')
    ended = [a.result for a in attempts if a.result.outcome == 'end']
    distances = [r.distance for r in ended if r.distance is not None]
    gaps = [r.gap for r in ended if r.gap is not None]
    summary = {'goals': len(attempts),
               'ended': len(ended),
               'aborted': sum(a.result.outcome == 'abort' for a in attempts),
               'median_latent_distance': round(float(np.median(distances)), 4) if distances
               else None, 'bundle_id': bundle_id}
    if gaps:
        unit = 'rad' if gaps[0].of == 'door' else 'm'
        summary[f'median_distance_{unit}'] = round(float(np.median([g.distance for g in gaps])), 4)
        summary['distance_of'] = gaps[0].of
    seen = [(a.goal, a.final) for a in attempts if a.final is not None
            and a.final.shape == a.goal.shape]
    captions = [a.result.gap.words if a.result.gap else a.result.label[:20] for a in attempts
                if a.final is not None and a.final.shape == a.goal.shape]
    figures = [Figure('Goal | what the camera saw at the end', png(
        contact_sheet(seen, captions, scale=2)))] if seen else []
    rows = tuple((a.result.label, a.result.outcome, a.result.reason, a.result.steps,
                  a.result.gap.words if a.result.gap else '',
                  '' if a.result.distance is None else a.result.distance) for a in attempts)
    return write_report(
        folder / time.strftime('evaluation-%Y%m%d-%H%M%S'), 'Goals of the library', summary,
        figures=figures, tables=[Table('Per goal', (
            'goal', 'outcome', 'reason', 'steps', 'distance', 'latent distance'), rows,
            'Distances are true ones, where a simulation told them. Those in latent space compare '
            'within one model only.')])
