"""A run of somebody else's agent: TD3 with HER of Stable-Baselines3, on true positions.

It practises in the Gymnasium environment of the task and is measured as ours are. The recipe's
fields of TD3, relabelling and exploration are given to it as far as it has them. Its replay could
be kept as a pickle only, which this project does not read: a run that was stopped begins anew.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rig_ros.control.task import TaskConfig
from rig_ros.errors import ConfigError
from rig_ros.evaluation import measured_run, protocol
from rig_ros.evaluation.measured_run import Environment, Evaluated, MeasuredRun
from rig_ros.evaluation.training import require_releasable
from rig_ros.learning.config import TrainConfig
from rig_ros.learning.progress import Progress, ProgressHook, ignore_progress


@dataclass(frozen=True)
class _Acting:
    """A model of Stable-Baselines3 seen as the protocol's agent; its latent is the state."""

    model: Any
    goal_size: int

    def encode(self, observation: protocol.Observation) -> tuple[protocol.FloatArray, Any]:
        return observation, None

    def begin(self) -> None:
        """Nothing is kept from one episode to the next."""

    def act(self, latent: protocol.FloatArray, goal: protocol.FloatArray) -> protocol.FloatArray:
        parts = {'observation': latent, 'achieved_goal': latent[:self.goal_size],
                 'desired_goal': goal[:self.goal_size]}
        action: protocol.FloatArray = self.model.predict(parts, deterministic=True)[0]
        return action


def require_installed() -> None:
    """Check that Stable-Baselines3 is there.

    Raises:
        ConfigError: it is not.
    """
    if importlib.util.find_spec('stable_baselines3') is None:
        raise ConfigError("agent: got 'stable_baselines3', which is not installed, allowed: "
                          "pip install -e '.[compare]' in a clone, or agent 'td3'")


class OutsideRun(MeasuredRun):
    """One run; see the module. Used as `training.TrainingRun`."""

    def __init__(self, directory: Path, config: TrainConfig, task: TaskConfig,
                 environment: Environment, practice: Any, seed: int, *,
                 progress: ProgressHook = ignore_progress,
                 evaluated: Evaluated = lambda _, __: None, milestones: Sequence[int] = (),
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Make the folder and the agent.

        Args:
            directory: of the run.
            config: the recipe.
            task: what is learnt.
            environment: a world of that task whose observations are states; to measure in.
            practice: the task as a Gymnasium goal environment of states; to learn in.
            seed: of everything random.
            progress: called after each episode.
            evaluated: called with steps and distances [m] after each quick evaluation.
            milestones: steps at which the final goals are measured already, for tables.
            clock: seconds.

        Raises:
            ConfigError: the folder is in use.
        """
        from stable_baselines3 import TD3, HerReplayBuffer
        from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise

        super().__init__(directory, config, task, environment, milestones=milestones,
                         evaluated=evaluated, clock=clock)
        self.files.create(config)
        self._seed, self._progress = seed, progress
        agent, explore, shares = config.td3, config.explore, config.relabel
        zero = np.zeros(task.action_dim)
        build: Any = TD3
        model = build(
            'MultiInputPolicy', practice, learning_rate=agent.learning_rate,
            buffer_size=config.replay_frames, learning_starts=explore.random_steps,
            batch_size=agent.batch_size, tau=agent.target_rate, gamma=agent.discount,
            gradient_steps=max(1, round(agent.updates_per_step)),
            action_noise=OrnsteinUhlenbeckActionNoise(
                zero, zero + explore.sigma, theta=explore.theta, dt=1.0),
            replay_buffer_class=HerReplayBuffer,
            replay_buffer_kwargs={'n_sampled_goal': round(shares.future / shares.rollout),
                                  'goal_selection_strategy': 'future'},
            policy_delay=agent.policy_delay, target_policy_noise=agent.target_noise,
            target_noise_clip=agent.target_noise_clip, seed=seed, device='cpu',
            policy_kwargs={'net_arch': list(agent.hidden), 'n_critics': agent.critics})
        self._agent = _Acting(model, int(practice.observation_space['desired_goal'].shape[0]))

    def train(self) -> None:
        """Learn until the recipe's steps are done, keeping metrics."""
        total = self.config.env_steps

        def after_step(local: dict[str, Any], _: dict[str, Any]) -> bool:
            done = int(local['self'].num_timesteps)
            if done % measured_run.QUICK_EVERY_STEPS == 0 or done == total:
                self.measure(self._agent, done)
            if done % self.task.horizon == 0:
                self._progress(Progress('collect', done, total, done))
            return True

        self._agent.model.learn(total, callback=after_step)

    def finish(self, goals: int, run: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Measure on held-out goals, write the report, and return the figures."""
        del run
        return self.write(*self.judge(self._agent, goals, self.config.env_steps, self._seed))

    def release(self, directory: Path) -> Path:
        """Refuse: there is no model for the nodes."""
        require_releasable(self.config)
        return directory
