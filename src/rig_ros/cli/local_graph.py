"""What the verbs share that start a graph of their own on this machine. Loads no ROS."""

from __future__ import annotations

import os
from pathlib import Path

START_S = 90.0
"""Patience for the processes to be ready: a cold disk and two cores."""


def isolate_graph() -> None:
    """Keep this process's graph on this machine and out of other graphs' way."""
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))


def released_bundle(task: str) -> Path:
    """Return the model that ships for a task.

    Raises:
        ConfigError: none ships; the message lists what does.
    """
    from rig_ros import resources
    from rig_ros.control import task as tasks
    name = tasks.load(task).name
    folder = name.removesuffix('_xy')
    return resources.find('models', folder, f'{folder}.safetensors')
