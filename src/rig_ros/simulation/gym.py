"""The tasks as Gymnasium goal environments, for other people's agents. No ROS.

    import gymnasium
    env = gymnasium.make('rig_ros/Push-v0')                        # state, for HER and the like
    env = gymnasium.make('rig_ros/Push-v0', observation='image')   # pictures, as RIG sees it

Observations are dictionaries of `observation`, `achieved_goal` and `desired_goal`; `states` says
what is in a state. Unlike all that learns in this project, an agent here may be given the truth.
"""

from __future__ import annotations

from typing import Any, Literal

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from rig_ros.control import task as tasks
from rig_ros.control.task import TaskConfig
from rig_ros.settings import require
from rig_ros.simulation.environment import Goal, SawyerEnv
from rig_ros.simulation.layout import draw_start
from rig_ros.simulation.painter import Picture
from rig_ros.simulation.props import Truth
from rig_ros.simulation.states import StateVectors

Array = npt.NDArray[Any]
Observation = dict[str, Any]
"""Arrays by name."""
SUCCESS_M = 0.06
"""A goal is reached when hand and objects are nearer than this, as in the published tasks [m];
of a door [rad]."""
REACH_M = 2.0
"""Nothing gets further from the origin along any axis [m]."""


class SawyerGoalEnv(gymnasium.Env[Observation, Array]):
    """One task; an episode is truncated after the task's horizon and never terminates."""

    metadata = {'render_modes': ['rgb_array'], 'render_fps': 10}  # noqa: RUF012

    def __init__(self, task: str | TaskConfig, observation: Literal['state', 'image'] = 'state',
                 reward: Literal['dense', 'sparse'] = 'dense', image_size: int | None = None,
                 render_mode: str | None = None) -> None:
        """Build the world of a task.

        Args:
            task: its name, or a task of your own.
            observation: what the agent is given: true positions, or pictures.
            reward: dense is minus the distance to the goal (of pictures: minus the root mean
                square difference of their pixels, black to white being 1); sparse is 0 within 6 cm
                (0.06 rad) and -1 elsewhere, for states only.
            image_size: side of the pictures [pixel]; the task's if not given.
            render_mode: 'rgb_array' or None.

        Raises:
            ConfigError: an option that does not exist, or sparse reward of pictures.
        """
        require(observation in ('state', 'image'), 'observation', observation, 'state or image')
        require(reward in ('dense', 'sparse'), 'reward', reward, 'dense or sparse')
        require(reward == 'dense' or observation == 'state', 'reward', reward,
                'dense where observations are pictures')
        require(render_mode in (None, 'rgb_array'), 'render_mode', render_mode, 'rgb_array, None')
        self.task = tasks.load(task) if isinstance(task, str) else task
        self.render_mode = render_mode
        self._pictures = observation == 'image'
        self._sparse = reward == 'sparse'
        self._env = SawyerEnv(self.task, image_size=image_size)
        self._vectors = StateVectors(self.task)
        self._held_out: list[Goal] = []
        self._desired: Array = np.zeros(0)
        self._desired_truth: Truth = {}
        self._steps = 0
        self.action_space = spaces.Box(-1.0, 1.0, (self.task.action_dim,), np.float32)
        self.observation_space = self._spaces(image_size or self.task.image_size)

    def _spaces(self, image_size: int) -> spaces.Dict[Any]:
        if self._pictures:
            picture = spaces.Box(0, 255, (image_size, image_size, 3), np.uint8)
            return spaces.Dict(dict.fromkeys(
                ('observation', 'achieved_goal', 'desired_goal'), picture))
        state, goal = (spaces.Box(-REACH_M, REACH_M, (size,), np.float32) for size in
                       (self._vectors.state_size, self._vectors.goal_size))
        return spaces.Dict({'observation': state, 'achieved_goal': goal, 'desired_goal': goal})

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None,
              ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode with a goal of its own.

        Args:
            seed: of the goals and starts from now on.
            options: {'goal': i} begins the episode of the i-th held-out goal, which are those
                that `rig_ros evaluate` uses; otherwise start and goal are drawn.

        Raises:
            ConfigError: options that do not exist.
        """
        super().reset(seed=seed)
        if seed is not None:
            self._env.world.seed(seed)
        self._steps = 0
        options = options or {}
        require(set(options) <= {'goal'}, 'options', sorted(options), "'goal': a whole number")
        if 'goal' in options:
            self._begin(self._held_out_goal(int(options['goal'])))
        else:
            start = None if self.task.reset_free else draw_start(self.task, self.np_random)
            self._env.begin(start)
            self._draw_goal()
        return self._observe(), self._facts()

    def _held_out_goal(self, index: int) -> Goal:
        require(index >= 0, 'goal', index, '0 or more')
        if index >= len(self._held_out):
            self._held_out = self._env.held_out_goals(max(50, index + 1))
        return self._held_out[index]

    def _begin(self, goal: Goal) -> None:
        self._env.begin(goal.start)
        self._desired = goal.image_hwc_u8 if self._pictures else self._vectors.goal(goal.truth)
        self._desired_truth = goal.truth

    def _draw_goal(self) -> None:
        place = self._env.draw_goal(self._env.world.layout, self.np_random)
        if self._pictures:
            goal = self._env.picture_goal(*place)
            self._desired, self._desired_truth = goal.image_hwc_u8, goal.truth
        else:
            self._desired_truth = self._env.truth_of(*place)
            self._desired = self._vectors.goal(self._desired_truth)

    def step(self, action: Array) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Do one action for one control period."""
        self._env.act(action)
        self._steps += 1
        observation, facts = self._observe(), self._facts()
        reward = float(self.compute_reward(observation['achieved_goal'],
                                           observation['desired_goal'], facts))
        return observation, reward, False, self._steps >= self.task.horizon, facts

    def compute_reward(self, achieved_goal: Array, desired_goal: Array, info: Any) -> Array:
        """Return rewards of goals as they are in observations, one or a batch.

        Args:
            achieved_goal: shape (..., goal size), or pictures (..., height, width, 3).
            desired_goal: likewise.
            info: not used.

        Returns:
            Shape (...).
        """
        del info
        if self._pictures:
            difference = np.subtract(achieved_goal, desired_goal, dtype=np.float32) / 255.0
            return np.asarray(-np.sqrt(np.square(difference).mean(axis=(-3, -2, -1))))
        distances = self._vectors.distances(achieved_goal, desired_goal)
        if self._sparse:
            return np.where((distances < SUCCESS_M).all(axis=-1), 0.0, -1.0)
        return np.asarray(-np.sqrt(np.square(distances).sum(axis=-1)))

    def _observe(self) -> Observation:
        if self._pictures:
            picture = self._env.world.render()
            return {'observation': picture, 'achieved_goal': picture.copy(),
                    'desired_goal': self._desired.copy()}
        truth = self._env.world.ground_truth()
        return {'observation': self._vectors.state(truth, self._env.world.opening),
                'achieved_goal': self._vectors.goal(truth),
                'desired_goal': self._desired.copy()}

    def _facts(self) -> dict[str, Any]:
        """Return the true distances by name, for people and plots."""
        distances = self._env.distance_to(self._desired_truth)
        return {**{f'{name}_distance': value for name, value in distances.items()},
                'is_success': all(value < SUCCESS_M for value in distances.values())}

    def render(self) -> Picture | None:
        """Return a picture in mode 'rgb_array'."""
        return self._env.world.render() if self.render_mode else None

    def close(self) -> None:
        """Free the GL context."""
        self._env.close()
