"""Builds the MuJoCo model of a task: `sim/scene.xml`, and what else the task has."""

from __future__ import annotations

import mujoco

from rig_ros import resources
from rig_ros.control.task import Block, Puck, TaskConfig

PUCK_COLOURS = ((0.10, 0.55, 0.25, 1.0), (0.90, 0.60, 0.10, 1.0), (0.45, 0.20, 0.60, 1.0))


def _add_puck(spec: mujoco.MjSpec, index: int, puck: Puck) -> None:
    body = spec.worldbody.add_body(
        name=f'puck{index}', pos=[*puck.start, puck.half_height])
    body.add_freejoint()
    body.add_geom(
        name=f'puck{index}', type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[puck.radius, puck.half_height, 0.0], mass=puck.mass_kg,
        rgba=PUCK_COLOURS[index % len(PUCK_COLOURS)], contype=2, conaffinity=3,
        friction=[0.5, 0.005, 0.0001], condim=3)


def _attach(parent: mujoco.MjsBody, name: str) -> None:
    """Hang the body of a file onto another body; its names become `name/...`."""
    spec = mujoco.MjSpec.from_file(str(resources.find('sim', f'{name}.xml')))
    parent.add_frame().attach_body(spec.worldbody.first_body(), f'{name}/', '')


def _add_door(spec: mujoco.MjSpec) -> None:
    _attach(spec.worldbody, 'door')
    _attach(spec.body('right_hand'), 'hook')
    tool = spec.geom('tool')  # ends at the hand's point, so that the bar fits under the hook
    tool.size, tool.pos = [0.012, 0.0425, 0.0], [0.0, 0.0, 0.1025]


def _add_block(spec: mujoco.MjSpec, block: Block) -> None:
    body = spec.worldbody.add_body(name='block', pos=[*block.start, block.half_size[2]])
    body.add_freejoint()
    body.add_geom(name='block', type=mujoco.mjtGeom.mjGEOM_BOX, size=block.half_size,
                  mass=block.mass_kg, rgba=PUCK_COLOURS[0], contype=2, conaffinity=3,
                  friction=[0.5, 0.005, 0.0001], condim=4)


def _add_gripper(spec: mujoco.MjSpec) -> None:
    _attach(spec.body('right_hand'), 'gripper')
    spec.option.impratio = 10  # what is held does not creep out
    tool = spec.geom('tool')  # becomes the stem above the palm
    tool.size, tool.pos = [0.018, 0.016, 0.0], [0.0, 0.0, 0.076]
    tool.contype = tool.conaffinity = 0
    tool.rgba = [0.42, 0.43, 0.45, 1.0]


def build_model(task: TaskConfig) -> mujoco.MjModel:
    """Return the compiled model of a task's scene.

    Raises:
        ConfigError: when the installation lacks a file of `sim/`.
    """
    spec = mujoco.MjSpec.from_file(str(resources.find('sim', 'scene.xml')))
    for index, puck in enumerate(task.pucks):
        _add_puck(spec, index, puck)
    if task.door:
        _add_door(spec)
    if task.gripper:
        _add_gripper(spec)
    if task.block:
        _add_block(spec, task.block)
    return spec.compile()
