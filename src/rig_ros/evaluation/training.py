"""A whole training run: learn in an environment, measure on the way, leave model and report.

The environment is injected and only its pictures reach the learner; its ground truth is used to
measure. What a run leaves is described in `run_files`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rig_ros.control.task import TaskConfig
from rig_ros.evaluation import measured_run, protocol
from rig_ros.evaluation.measured_run import Environment, Evaluated, MeasuredRun
from rig_ros.evaluation.model_card import write_card
from rig_ros.evaluation.report import Figure
from rig_ros.evaluation.training_report import model_figures
from rig_ros.learning import bundle as bundles
from rig_ros.learning.arithmetic import Device, device_of
from rig_ros.learning.config import TrainConfig
from rig_ros.learning.goals import VisitedLatents
from rig_ros.learning.practice import Evaluation, train_in_environment
from rig_ros.learning.progress import Progress, ProgressHook, ignore_progress
from rig_ros.learning.state import TrainingState
from rig_ros.learning.team import lead, require_shareable
from rig_ros.learning.trainer import Learner
from rig_ros.settings import require

CHECKPOINT_EVERY_STEPS = 2500
RELEASED_GOALS = 1000
"""Latents of goals that a released model keeps, to imagine goals from."""


@dataclasses.dataclass(frozen=True)
class _Acting:
    """A learner seen as the protocol's agent."""

    learner: Learner

    def encode(self, observation: protocol.Observation) -> tuple[protocol.FloatArray, Any]:
        return self.learner.encode(observation), None

    def begin(self) -> None:
        self.learner.start_episode()

    def act(self, latent: protocol.FloatArray, goal: protocol.FloatArray) -> protocol.FloatArray:
        return self.learner.act(latent, goal)


def require_releasable(config: TrainConfig) -> None:
    """Check that a recipe leaves a model for the nodes.

    Raises:
        ConfigError: it learns a comparison.
    """
    require(config.leaves_model, '--release', f'encoder {config.encoder!r}',
            "encoder 'vae' or 'objects': a comparison leaves no model that the nodes could use")


class TrainingRun(MeasuredRun):
    """One run; see the module."""

    def __init__(self, directory: Path, config: TrainConfig, task: TaskConfig,
                 environment: Environment, seed: int, *, resume: bool = False,
                 checkpoint_every: int = CHECKPOINT_EVERY_STEPS,
                 progress: ProgressHook = ignore_progress,
                 evaluated: Evaluated = lambda _, __: None, milestones: Sequence[int] = (),
                 state_dim: int = 0, device: Device = 'cpu', processes: int = 1,
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
            milestones: steps at which the final goals are measured already, for tables.
            state_dim: size of the environment's observations where they are true positions.
            device: where the networks are; figures are the same up to rounding.
            processes: that learn together, each with a share of the minibatches.
            clock: seconds.

        Raises:
            ConfigError: the folder is in use, or there is nothing to resume, or no such device or
                number of processes, or the recipe does not go with the task.
            HardwareError: the other processes do not start.
        """
        super().__init__(directory, config, task, environment, milestones=milestones,
                         evaluated=evaluated, clock=clock)
        self._checkpoint_every = checkpoint_every
        self._progress = progress
        require(not (config.arrival and task.gripper), 'arrival', config.arrival,
                f'0 for task {task.name!r}: its gripper would let go at the goal')
        require_shareable(processes, config, device_of(device))
        if resume:
            self.files.require_resumable()
        else:
            self.files.create(config)
        self.team = lead(processes, config, task.action_dim, seed, device, state_dim)
        self.learner = Learner(config, task.action_dim, seed, folder=directory,
                               state_dim=state_dim, device=device, team=self.team)
        if resume:
            state = TrainingState.load(self.files.checkpoint)
            self.learner.restore(state)
            self.team.tell('restore', {'path': str(self.files.checkpoint)})
            self.learner.seed = int(state.values['seed'])
            self.files.reload_metrics(self.learner.env_steps)
        self._saved_at = self.learner.env_steps
        last = self.files.rows[-1] if self.files.rows else {}
        self._began = clock() - last.get('wall_s', 0.0)

    def train(self) -> None:
        """Learn until the recipe's steps are done, keeping metrics and checkpoints."""
        def measure(learner: Learner) -> Mapping[str, float]:
            return self.measure(_Acting(learner), learner.env_steps)

        def progress(event: Progress) -> None:
            if event.phase == 'collect':
                self.add_row(event.env_steps, event.metrics)
                if event.env_steps - self._saved_at >= self._checkpoint_every:
                    self.save_checkpoint()
            self._progress(event)

        train_in_environment(
            self.environment, self.learner, self.config.env_steps, horizon=self.task.horizon,
            progress=progress, evaluation=Evaluation(measure, measured_run.QUICK_EVERY_STEPS))
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
        facts = {'name': self.files.directory.name, 'seed': self.learner.seed,
                 'env_steps': self.learner.env_steps,
                 'recipe': dataclasses.asdict(self.config), **(run or {})}
        result, summary = self.judge(_Acting(self.learner), goals, self.learner.env_steps,
                                     self.learner.seed)
        shown: list[Figure] = []
        if self.config.leaves_model:
            bundle = self._save_bundle(facts, result.figures())
            summary |= {'bundle': str(self.files.bundle), 'bundle_id': bundle.bundle_id,
                        'encoder_id': bundle.manifest.encoder_id}
            images = self.learner.replay.sample_images(8, self.learner.generator).numpy()
            shown = model_figures(bundle, images)
        return self.write(result, summary, shown)

    def _save_bundle(self, facts: Mapping[str, Any], figures: Mapping[str, Any]) -> bundles.Bundle:
        """Write the model and return it as everyone else will read it."""
        manifest = bundles.describe(self.learner, self.task, facts, figures)
        bundles.save(self.files.bundle, manifest, self.learner.modules)
        return bundles.load(self.files.bundle, self.task.name)

    def release(self, directory: Path) -> Path:
        """Write the finished run's model to a folder, named as the folder, with a model card.

        What only training needs (the critics, most of the latents that goals are drawn from) stays
        in the run, which halves the download.

        Raises:
            ConfigError: it has no VAE, so that there is no model for the nodes.
        """
        require_releasable(self.config)
        path = directory / f'{directory.name}.safetensors'
        manifest = bundles.load(self.files.bundle, self.task.name).manifest
        modules = {name: module.thinned(RELEASED_GOALS)
                   if isinstance(module, VisitedLatents) else module
                   for name, module in self.learner.modules.items() if 'critics' not in name}
        bundle_id = bundles.save(path, manifest, modules)
        write_card(directory, directory.name, manifest, bundle_id, path)
        return path
