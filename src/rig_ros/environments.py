"""Names the tasks for Gymnasium: `gymnasium.make('rig_ros/Push-v0')`. Loads nothing heavy.

Gymnasium calls `register` by entry point when it is imported; the environments themselves are in
`rig_ros.simulation.gym`, which is loaded when one is made.
"""

from __future__ import annotations

from rig_ros.control import task as tasks

VERSION = 'v0'
ENTRY_POINT = 'rig_ros.simulation.gym:SawyerGoalEnv'


def environment_name(task: str) -> str:
    """Return a task's name in Gymnasium without the namespace: `reach_xy` gives `ReachXY-v0`."""
    parts = [part.upper() if set(part) <= set('xyz') else part.capitalize()
             for part in task.split('_')]
    return f'{"".join(parts)}-{VERSION}'


def register() -> None:
    """Register every task that ships; Gymnasium puts them into the namespace `rig_ros`."""
    import gymnasium

    for task in tasks.names():
        gymnasium.register(environment_name(task), ENTRY_POINT, kwargs={'task': task})
