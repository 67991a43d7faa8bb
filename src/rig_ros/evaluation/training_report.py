"""The pictures and tables of a training run's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rig_ros.evaluation import pictures, plots
from rig_ros.evaluation.protocol import Evaluation, FloatArray, ImageArray
from rig_ros.evaluation.report import (
    Figure,
    evaluation_tables,
    write_report,
)
from rig_ros.evaluation.run_files import RunFiles
from rig_ros.evaluation.units import amount, unit_of

IMAGINED = 12
CONTACT_SHEET_GOALS = 20


class Model(Protocol):
    """What a report needs of a model; `learning.bundle.Bundle` is one."""

    def encode(self, image_hwc_u8: ImageArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and log-variance of a picture's latent."""
        ...

    def decode(self, latent: FloatArray) -> ImageArray:
        """Return the picture of a latent."""
        ...

    def imagine(self, rng: np.random.Generator) -> FloatArray:
        """Draw a goal latent."""
        ...


def goal_sheet(result: Evaluation) -> ImageArray:
    """Return a contact sheet of goal | final pictures with the final distances."""
    records = result.records[:CONTACT_SHEET_GOALS]
    return pictures.contact_sheet(
        [(r.goal_image, r.final_image) for r in records],
        [amount(r.final[result.primary], result.primary) for r in records], columns=5)


def model_figures(model: Model, images: Sequence[ImageArray] | NDArray[np.uint8]) -> list[Figure]:
    """Return reconstructions of pictures and a sheet of imagined goals."""
    pairs = [(image, model.decode(model.encode(image)[0])) for image in images]
    rng = np.random.default_rng(0)
    imagined = [(model.decode(model.imagine(rng)),) for _ in range(IMAGINED)]
    return [
        Figure('Reconstructions', pictures.png(pictures.contact_sheet(pairs, columns=4)),
               'picture | decoded from its latent mean; what is not there the policy cannot see'),
        Figure('Imagined goals', pictures.png(pictures.contact_sheet(imagined, columns=6)),
               'goals the model sets itself when it practises, decoded')]


def evaluation_figures(result: Evaluation) -> list[Figure]:
    """Return the contact sheet and the spread of final distances."""
    idle = float(np.mean(result.do_nothing(result.primary)))
    return [
        Figure('Goals and results', pictures.png(goal_sheet(result)),
               f'goal | picture after the last step; below: final distance of the '
               f'{result.primary}'),
        Figure('Spread', plots.histogram(result.final(result.primary), idle,
                                         unit_of(result.primary)))]


def write_training_report(files: RunFiles, result: Evaluation, summary: Mapping[str, Any],
                          more: Sequence[Figure] = ()) -> None:
    """Write report.html and report.json of a run, with further figures at the end."""
    figures = [_learning_curve(files, result, name) for name in result.objects
               if files.series(f'{name}_mean_distance_m')[0]]
    figures += [*evaluation_figures(result), *more]
    names = {name: None for row in files.rows for name in row
             if name.endswith('_loss') and name != 'vae_loss'}
    losses = {name: files.series(name) for name in names}
    if losses:
        figures.append(Figure('Losses', plots.line_plot(losses, 'environment steps', 'loss')))
    for figure in figures:
        path = files.picture(figure.title)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(figure.png)
    write_report(
        files.directory, f'Training run {files.directory.name}', summary, figures,
        evaluation_tables(result), files.config.read_text(encoding='utf-8'),
        f'Task {summary["task"]}, seed {summary["seed"]}. Learnt from {summary["sees"]} alone; '
        'distances are measured afterwards, from the simulation.')


def _learning_curve(files: RunFiles, result: Evaluation, name: str) -> Figure:
    curves = {statistic: files.series(f'{name}_{statistic}_distance_m')
              for statistic in ('mean', 'median')}
    picture = plots.learning_curve(curves, float(np.mean(result.do_nothing(name))), unit_of(name))
    title = 'Learning curve' if name == result.primary else f'Learning curve of the {name}'
    return Figure(title, picture, 'deterministic policy on other goals than the final ones')
