"""How fast the simulation is: control steps with a picture each, in one process."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from rig_ros.control.action import SmoothRandomActions
from rig_ros.control.task import TaskConfig
from rig_ros.settings import require
from rig_ros.simulation.environment import SawyerEnv

WARM_UP_STEPS = 20


def steps_per_second(task: TaskConfig, seconds: float = 5.0,
                     clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """Measure control steps per second with smooth random actions and resets at each horizon.

    Args:
        task: what is simulated, at its own picture size.
        seconds: how long to measure.
        clock: of the wall [s].

    Returns:
        `steps_per_s` (wall), `steps_per_cpu_s` (this process's time on the cores; what a core of
        its own would give), `env_steps`, `wall_s`, `image_size`.
    """
    require(seconds > 0, 'seconds', seconds, 'above 0')
    env = SawyerEnv(task)
    try:
        actions = SmoothRandomActions(task.action_dim, np.random.default_rng(0))
        env.reset()
        for _ in range(WARM_UP_STEPS):
            env.step(actions.sample())
        steps, start, cpu_start = 0, clock(), time.process_time()
        while clock() - start < seconds:
            if steps % task.horizon == 0:
                env.reset()
            env.step(actions.sample())
            steps += 1
        wall, cpu = clock() - start, time.process_time() - cpu_start
    finally:
        env.close()
    return {'steps_per_s': steps / wall, 'steps_per_cpu_s': steps / max(cpu, 1e-9),
            'env_steps': steps, 'wall_s': wall, 'image_size': task.image_size}
