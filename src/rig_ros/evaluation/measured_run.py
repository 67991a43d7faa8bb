"""What every training run has in common, whoever learns: its folder, measurements and report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from rig_ros.control.task import TaskConfig
from rig_ros.evaluation import protocol
from rig_ros.evaluation.comparison import HELD_OUT
from rig_ros.evaluation.report import Figure, write_json
from rig_ros.evaluation.run_files import RunFiles
from rig_ros.evaluation.training_report import write_training_report
from rig_ros.learning.config import TrainConfig

QUICK_GOALS = 10
QUICK_EVERY_STEPS = 1000
QUICK_SEED = 7
"""Goals on the way are other goals than the final ones."""
MILESTONE_GOALS = 50
METRES = 'distance_m'
SEES = {'vae': 'pictures', 'objects': 'pictures', 'pixels': 'pictures', 'state': 'true positions'}
"""What an agent is given, by the recipe's encoder."""

Evaluated = Callable[[int, Mapping[str, float]], None]


class Environment(protocol.Environment, Protocol):
    """What a run needs of `simulation.environment.SawyerEnv`."""

    def held_out_goals(self, count: int, seed: int = ...) -> list[Any]:
        """Return goals that are never trained on."""
        ...


class MeasuredRun:
    """A run's folder and what is measured of the agent on the way and at the end."""

    def __init__(self, directory: Path, config: TrainConfig, task: TaskConfig,
                 environment: Environment, *, milestones: Sequence[int] = (),
                 evaluated: Evaluated = lambda _, __: None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Name the folder; touches nothing.

        Args:
            directory: of the run.
            config: the recipe; its `env_steps` is the length of the run.
            task: what is learnt.
            environment: a world of that task.
            milestones: steps at which the final goals are measured already, for tables.
            evaluated: called with steps and distances [m] after each quick evaluation.
            clock: seconds.
        """
        self.files = RunFiles(directory)
        self.config, self.task, self.environment = config, task, environment
        self._milestones = [steps for steps in milestones if steps < config.env_steps]
        self._evaluated = evaluated
        self._clock = clock
        self._evaluation_s = 0.0
        self._began = clock()
        self._quick: list[Any] = []

    @property
    def wall_s(self) -> float:
        """Seconds so far, those before a resume included."""
        return self._clock() - self._began

    def add_row(self, env_steps: int, metrics: Mapping[str, float]) -> None:
        """Append to the run's table of metrics."""
        self.files.add({'env_steps': env_steps, 'wall_s': round(self.wall_s, 2), **metrics})

    def measure(self, agent: protocol.Agent, env_steps: int) -> dict[str, float]:
        """Measure on a few goals, at a milestone on the final ones too, and keep the figures."""
        began = self._clock()
        self._quick = self._quick or self.environment.held_out_goals(QUICK_GOALS, QUICK_SEED)
        measured = {}
        result = protocol.run(agent, self.environment, self._quick, self.task.horizon)
        for name in result.objects:
            summary = result.summary(name)
            measured[f'{name}_mean_{METRES}'] = summary.mean
            measured[f'{name}_median_{METRES}'] = summary.median
        passed = [steps for steps in self._milestones if steps <= env_steps]
        before = [row['env_steps'] for row in self.files.rows
                  if any(name.endswith(HELD_OUT) for name in row)]
        if passed and max(passed) > max(before, default=0):
            result = protocol.run(agent, self.environment, self.environment.held_out_goals(
                MILESTONE_GOALS), self.task.horizon)
            measured |= {f'{name}_{HELD_OUT}': result.summary(name).mean
                         for name in result.objects}
        self._evaluation_s += self._clock() - began
        self.add_row(env_steps, measured)
        self._evaluated(env_steps, {k: v for k, v in measured.items() if METRES in k})
        return measured

    def judge(self, agent: protocol.Agent, goals: int, env_steps: int,
              seed: int) -> tuple[protocol.Evaluation, dict[str, Any]]:
        """Measure on held-out goals; return the episodes and what `figures.json` will hold."""
        train_wall_s = self.wall_s
        began = self._clock()
        result = protocol.run(agent, self.environment, self.environment.held_out_goals(goals),
                              self.task.horizon)
        figures = result.figures()
        self._evaluation_s += self._clock() - began
        return result, {
            'median_final_distance_m': figures['median_final_distance_m'],
            'mean_final_distance_m': figures['mean_final_distance_m'],
            'do_nothing_m': figures['do_nothing_m'], 'unit': figures['unit'],
            'wall_s': self.wall_s, 'train_wall_s': train_wall_s,
            'evaluation_wall_s': self._evaluation_s, 'env_steps': env_steps, 'seed': seed,
            'goals': figures['goals'], 'task': self.task.name, 'run': str(self.files.directory),
            'sees': SEES[self.config.encoder], 'objects': figures['objects']}

    def write(self, result: protocol.Evaluation, summary: dict[str, Any],
              shown: Sequence[Figure] = ()) -> dict[str, Any]:
        """Write report and figures, which mark the run as finished; return the figures."""
        write_training_report(self.files, result, summary, shown)
        summary['wall_s'] = self.wall_s
        write_json(self.files.directory / 'figures.json', summary)
        return summary
