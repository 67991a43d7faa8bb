"""A whole training run: learn in an environment, measure on the way, leave model and report.

The environment is injected and only its pictures reach the learner; its ground truth is used to
measure. What a run leaves is described in `run_files`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from rig_ros.control.task import TaskConfig
from rig_ros.evaluation import protocol
from rig_ros.evaluation.model_card import write_card
from rig_ros.evaluation.report import write_json
from rig_ros.evaluation.run_files import RunFiles
from rig_ros.evaluation.training_report import model_figures, write_training_report
from rig_ros.learning import bundle as bundles
from rig_ros.learning.config import TrainConfig
from rig_ros.learning.practice import Evaluation, train_in_environment
from rig_ros.learning.state import TrainingState
from rig_ros.learning.trainer import Learner, Progress, ProgressHook, ignore_progress
from rig_ros.settings import require

QUICK_GOALS = 10
QUICK_EVERY_STEPS = 1000
QUICK_SEED = 7
"""Goals on the way are other goals than the final ones."""
CHECKPOINT_EVERY_STEPS = 2500
METRES = 'distance_m'
SEES = {'vae': 'pictures', 'pixels': 'pictures', 'state': 'true positions'}
"""What an agent is given, by the recipe's encoder."""


class Environment(protocol.Environment, Protocol):
    """What a run needs of `simulation.environment.SawyerEnv`."""

    def held_out_goals(self, count: int, seed: int = ...) -> list[Any]:
        """Return goals that are never trained on."""
        ...


@dataclasses.dataclass(frozen=True)
class _Acting:
    """A learner seen as the protocol's agent."""

    learner: Learner

    def encode(self, observation: protocol.Observation) -> tuple[protocol.FloatArray, Any]:
        return self.learner.encode(observation), None

    def act(self, latent: protocol.FloatArray, goal: protocol.FloatArray) -> protocol.FloatArray:
        return self.learner.act(latent, goal)


class TrainingRun:
    """One run; see the module."""

    def __init__(self, directory: Path, config: TrainConfig, task: TaskConfig,
                 environment: Environment, seed: int, *, resume: bool = False,
                 checkpoint_every: int = CHECKPOINT_EVERY_STEPS,
                 progress: ProgressHook = ignore_progress,
                 evaluated: Callable[[int, Mapping[str, float]], None] = lambda _, __: None,
                 state_dim: int = 0,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare the folder and the learner.

        Args:
            directory: of the run.
            config: the recipe; its `env_steps` is the length of the run.
            task: what is learnt.
            environment: a world of that task, with pictures of the recipe's size.
            seed: of weights, exploration and draws; a resumed run keeps its own.
            resume: go on from the folder's checkpoint.
            checkpoint_every: steps between two checkpoints.
            progress: called often.
            evaluated: called with steps and distances [m] after each quick evaluation.
            state_dim: size of the environment's observations where they are true positions.
            clock: seconds.

        Raises:
            ConfigError: the folder is in use, or there is nothing to resume.
        """
        self.files = RunFiles(directory)
        self.config = config
        self.task = task
        self.environment = environment
        self._checkpoint_every = checkpoint_every
        self._progress = progress
        self._evaluated = evaluated
        self._clock = clock
        self._evaluation_s = 0.0
        if resume:
            self.files.require_resumable()
        else:
            self.files.create(config)
        self.learner = Learner(config, task.action_dim, seed, folder=directory,
                               state_dim=state_dim)
        if resume:
            state = TrainingState.load(self.files.checkpoint)
            self.learner.restore(state)
            self.learner.seed = int(state.values['seed'])
            self.files.reload_metrics(self.learner.env_steps)
        self._saved_at = self.learner.env_steps
        last = self.files.rows[-1] if self.files.rows else {}
        self._began = clock() - last.get('wall_s', 0.0)

    @property
    def wall_s(self) -> float:
        """Seconds so far, those before a resume included."""
        return self._clock() - self._began

    def train(self) -> None:
        """Learn until the recipe's steps are done, keeping metrics and checkpoints."""
        goals = self.environment.held_out_goals(QUICK_GOALS, QUICK_SEED)
        measured: dict[str, float] = {}

        def measure(learner: Learner) -> Mapping[str, float]:
            began = self._clock()
            result = protocol.run(_Acting(learner), self.environment, goals, self.task.horizon)
            for name in result.objects:
                summary = result.summary(name)
                measured[f'{name}_mean_{METRES}'] = summary.mean
                measured[f'{name}_median_{METRES}'] = summary.median
            self._evaluation_s += self._clock() - began
            self._add_row(learner.env_steps, measured)
            self._evaluated(learner.env_steps, measured)
            return measured

        def progress(event: Progress) -> None:
            if event.phase == 'collect':
                self._add_row(event.env_steps, event.metrics)
                if event.env_steps - self._saved_at >= self._checkpoint_every:
                    self.save_checkpoint()
            self._progress(event)

        train_in_environment(
            self.environment, self.learner, self.config.env_steps, horizon=self.task.horizon,
            progress=progress, evaluation=Evaluation(measure, QUICK_EVERY_STEPS))
        self.save_checkpoint()

    def save_checkpoint(self) -> None:
        """Write everything to go on from; call it between episodes."""
        self.learner.state().save(self.files.checkpoint)
        self._saved_at = self.learner.env_steps

    def finish(self, goals: int, run: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Measure on held-out goals, write bundle and report, and return the figures.

        Args:
            goals: number of held-out goals.
            run: further facts for the manifest, for example the command.
        """
        train_wall_s = self.wall_s
        began = self._clock()
        facts = {'name': self.files.directory.name, 'seed': self.learner.seed,
                 'env_steps': self.learner.env_steps,
                 'recipe': dataclasses.asdict(self.config), **(run or {})}
        result = protocol.run(_Acting(self.learner), self.environment,
                              self.environment.held_out_goals(goals), self.task.horizon)
        figures = result.figures()
        self._evaluation_s += self._clock() - began
        summary = {
            'median_final_distance_m': figures['median_final_distance_m'],
            'mean_final_distance_m': figures['mean_final_distance_m'],
            'do_nothing_m': figures['do_nothing_m'], 'wall_s': self.wall_s,
            'train_wall_s': train_wall_s, 'evaluation_wall_s': self._evaluation_s,
            'env_steps': self.learner.env_steps, 'seed': self.learner.seed,
            'goals': figures['goals'], 'task': self.task.name,
            'run': str(self.files.directory), 'sees': SEES[self.config.encoder],
            'objects': figures['objects']}
        shown = []
        if self.config.encoder == 'vae':
            bundle = self._save_bundle(facts, figures)
            summary |= {'bundle': str(self.files.bundle), 'bundle_id': bundle.bundle_id,
                        'encoder_id': bundle.manifest.encoder_id}
            images = self.learner.replay.sample_images(8, self.learner.generator).numpy()
            shown = model_figures(bundle, images)
        write_training_report(self.files, result, summary, shown)
        summary['wall_s'] = self.wall_s
        write_json(self.files.directory / 'figures.json', summary)
        return summary

    def _save_bundle(self, facts: Mapping[str, Any], figures: Mapping[str, Any]) -> bundles.Bundle:
        """Write the model and return it as everyone else will read it."""
        manifest = bundles.describe(self.learner, self.task, facts, figures)
        bundles.save(self.files.bundle, manifest, self.learner.modules)
        return bundles.load(self.files.bundle, self.task.name)

    def release(self, directory: Path) -> Path:
        """Write the finished run's model to a folder, named as the folder, with a model card.

        What only training needs (the critics) stays in the run, which halves the download.

        Raises:
            ConfigError: it has no VAE, so that there is no model for the nodes.
        """
        require(self.config.encoder == 'vae', '--release', f'encoder {self.config.encoder!r}',
                "encoder 'vae': a comparison leaves no model that the nodes could use")
        path = directory / f'{directory.name}.safetensors'
        manifest = bundles.load(self.files.bundle, self.task.name).manifest
        modules = {name: module for name, module in self.learner.modules.items()
                   if 'critics' not in name}
        bundle_id = bundles.save(path, manifest, modules)
        write_card(directory, directory.name, manifest, bundle_id, path)
        return path

    def _add_row(self, env_steps: int, metrics: Mapping[str, float]) -> None:
        self.files.add({'env_steps': env_steps, 'wall_s': round(self.wall_s, 2), **metrics})
