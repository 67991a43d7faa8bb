"""Writes the fake robot's `/robot_description`: the nominal arm, or one calibrated differently."""

from __future__ import annotations

from rig_ros.control import kinematics

_LINK = '  <link name="{}"/>\n'
_JOINT = """  <joint name="{name}" type="{kind}">
    <origin xyz="{xyz}" rpy="{rpy}"/><parent link="{parent}"/><child link="{child}"/>
    <axis xyz="0 0 1"/>
    <limit lower="{lower}" upper="{upper}" velocity="{speed}" effort="{effort}"/>
  </joint>
"""


def _words(numbers: tuple[float, ...]) -> str:
    return ' '.join(repr(float(n)) for n in numbers)


def urdf(offset_m: float = 0.0) -> str:
    """Return the description as URDF.

    Args:
        offset_m: the elbow is so much further out than in the nominal arm [m].
    """
    parts = [_LINK.format('base'), _LINK.format('right_hand'), _LINK.format('head')]
    parent = 'base'
    for index, (xyz, rpy) in enumerate(kinematics.ORIGINS):
        child = f'right_l{index}'
        moved = (xyz[0], xyz[1], xyz[2] + (offset_m if index == 2 else 0.0))
        parts += [_LINK.format(child), _JOINT.format(
            name=f'right_j{index}', kind='revolute', xyz=_words(moved), rpy=_words(rpy),
            parent=parent, child=child, lower=kinematics.LOWER[index],
            upper=kinematics.UPPER[index], speed=kinematics.MAX_VELOCITY[index],
            effort=kinematics.MAX_EFFORT[index])]
        parent = child
    xyz, rpy = kinematics.HAND
    fixed = {'lower': 0, 'upper': 0, 'speed': 0, 'effort': 0, 'kind': 'fixed'}
    parts.append(_JOINT.format(name='right_hand', xyz=_words(xyz), rpy=_words(rpy),
                               parent=parent, child='right_hand', **fixed))
    parts.append(_JOINT.format(name='head_pan', xyz='0 0 0.2965', rpy='0 0 0',
                               parent='right_l0', child='head', **fixed))
    return '<?xml version="1.0"?>\n<robot name="sawyer">\n' + ''.join(parts) + '</robot>\n'
