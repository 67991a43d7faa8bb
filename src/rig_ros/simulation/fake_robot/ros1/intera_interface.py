"""Stands for Rethink's SDK: what the side process uses of it, with its traps.

A limb without its parameters is returned half built; no method tells how old its answer is;
commands that nobody hears raise nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import rospy

__version__ = 'fake'
settings = SimpleNamespace(SDK_VERSION='5.3.0')
_LIMB = '/robot/limb/right/'
_WAIT_S = 5.0


def _wait(condition: Callable[[], bool], what: str,
          body: Callable[[], None] | None = None) -> None:
    end = time.monotonic() + _WAIT_S
    while not condition():
        if time.monotonic() > end:
            raise OSError(f'Failed to {what}')
        if body is not None:
            body()
        time.sleep(0.01)


class Limb:
    """An arm by joint commands."""

    def __init__(self, limb: str = 'right') -> None:
        names = rospy.get_param('/robot_config/right_config/joint_names', None)
        if names is None:
            return  # the real one logs an error and goes on without its attributes
        self._joint_names: list[str] = names
        self._newest: dict[str, Any] = {}
        self._pub_joint_cmd = rospy.Publisher(_LIMB + 'joint_command')
        self._pub_timeout = rospy.Publisher(_LIMB + 'joint_command_timeout')
        for topic in ('/robot/joint_states', _LIMB + 'endpoint_state', _LIMB + 'tip_states'):
            rospy.Subscriber(topic, None, self._store(topic))
            _wait(lambda topic=topic: topic in self._newest, f'get {topic}')  # type: ignore[misc]

    def _store(self, topic: str) -> Callable[[Any], None]:
        def store(message: Any) -> None:
            self._newest[topic] = message
        return store

    def joint_names(self) -> list[str]:
        """Return the joints' names."""
        return self._joint_names

    def joint_angles(self) -> dict[str, float]:
        """Return the angles, however old [rad]."""
        message = self._newest['/robot/joint_states']
        return {name: angle for name, angle in zip(message.name, message.position)
                if name in self._joint_names}

    def set_command_timeout(self, timeout: float) -> None:
        """Set the robot's own time-out [s]."""
        self._pub_timeout.publish({'data': timeout})

    def set_joint_velocities(self, velocities: dict[str, float]) -> None:
        """Command joint speeds [rad/s]."""
        self._pub_joint_cmd.publish({'names': list(velocities), 'mode': 2,
                                     'velocity': list(velocities.values())})

    def set_joint_positions(self, positions: dict[str, float]) -> None:
        """Command angles [rad]."""
        self._pub_joint_cmd.publish({'names': list(positions), 'mode': 1,
                                     'position': list(positions.values())})

    def exit_control_mode(self, timeout: float = 0.2) -> None:
        """Hold at the last angles received."""
        self.set_command_timeout(timeout)
        self.set_joint_positions(self.joint_angles())


class RobotEnable:
    """Turns the robot on and off; every method blocks up to 5 s."""

    def __init__(self, versioned: bool = False) -> None:
        self._state: Any = None
        rospy.Subscriber('/robot/state', None, self._on_state)
        _wait(lambda: self._state is not None, 'get robot state')

    def _on_state(self, message: Any) -> None:
        self._state = message

    def state(self) -> Any:
        """Return the state, however old."""
        return self._state

    def _toggle(self, enabled: bool) -> None:
        publisher = rospy.Publisher('/robot/set_super_enable')
        _wait(lambda: bool(self._state.enabled) is enabled,
              f'{"en" if enabled else "dis"}able robot',
              lambda: publisher.publish({'data': enabled}))

    def enable(self) -> None:
        """Enable; resets first if the robot is stopped, as the real one does."""
        if self._state.stopped:
            self.reset()
        self._toggle(True)

    def disable(self) -> None:
        """Disable."""
        self._toggle(False)

    def reset(self) -> None:
        """End a stop."""
        if not self._state.stopped:
            raise OSError('Robot is not stopped. Cannot reset.')
        if self._state.estop_button == 1:
            raise OSError('E-Stop is asserted. Disengage E-Stop and then reset the robot.')
        publisher = rospy.Publisher('/robot/set_super_reset')
        _wait(lambda: not self._state.stopped, 'reset robot', lambda: publisher.publish({}))

    def stop(self) -> None:
        """Stop: needs a reset afterwards."""
        publisher = rospy.Publisher('/robot/set_super_stop')
        _wait(lambda: bool(self._state.stopped), 'stop the robot', lambda: publisher.publish({}))


class Cameras:
    """The robot's cameras; one streams at a time."""

    def __init__(self) -> None:
        self._publisher = rospy.Publisher('/fake/camera')

    def list_cameras(self) -> list[str]:
        """Return their names."""
        return list(rospy.get_param('/robot_config/camera_config', {}))

    def start_streaming(self, camera_name: str) -> bool:
        """Stream this one; any other one stops."""
        self._publisher.publish({'data': camera_name})
        return True

    def stop_streaming(self, camera_name: str) -> None:
        """Stop."""
        self._publisher.publish({'data': 'none'})

    def set_callback(self, camera_name: str, callback: Any, callback_args: Any = None,
                     queue_size: int = 10, rectify_image: bool = True) -> None:
        """Call back with each picture."""
        image = 'image_rect_color' if camera_name == 'head_camera' else 'image_rect'
        rospy.Subscriber(f'/io/internal_camera/{camera_name}/{image}', None, callback)


class _Gripper:
    def __init__(self) -> None:
        self._publisher = rospy.Publisher('/fake/gripper')

    def open(self) -> bool:
        self._publisher.publish({'data': True})
        return True

    def close(self) -> bool:
        self._publisher.publish({'data': False})
        return True


def get_current_gripper_interface() -> _Gripper:
    """Return the gripper.

    Raises:
        OSError: none is attached.
    """
    if not rospy.get_param('/fake/gripper', False):
        raise OSError('no gripper attached')
    return _Gripper()
