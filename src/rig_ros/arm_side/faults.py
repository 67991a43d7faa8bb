"""Every fault by name: what it means and what a person does about it."""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """A cause that ended a motion; latched until it is cleared."""

    name: str
    detail: str
    remedy: str

    @property
    def text(self) -> str:
        """Name and cause in one line."""
        return f'{self.name}: {self.detail}'


REMEDIES = {
    'joints_stale': 'check network and robot; clear_fault once joint states arrive again',
    'endpoint_stale': 'check network and robot; clear_fault once endpoint states arrive again',
    'robot_stale': 'check network and robot; clear_fault once /robot/state arrives again',
    'not_heard': "the robot does not receive commands: set ROS_IP to this machine's address in "
                 "the robot's network and restart, then clear_fault",
    'collision': 'look for what was hit, move it or the arm away, then clear_fault',
    'force': 'look for what was touched, move it or the arm away, then clear_fault',
    'robot_error': "read the robot's screen; reset, then clear_fault",
    'servo_late': 'this machine was too busy: stop other programs, then clear_fault',
    'commander_silent': 'who asked for home went silent on the way, so nobody watched it: look at '
                        'the log of the node sawyer, then clear_fault',
    'tracking': 'the arm did not follow: look for an obstacle, then clear_fault',
    'joint_limit': 'a joint is near its end: clear_fault, then home, or move the arm by hand',
    'link_low': 'a link is near the table: move the arm up by hand, then clear_fault',
    'outside_box': 'the hand is outside the workspace: clear_fault, then home',
    'tilted': 'the tool does not point down: clear_fault, then home',
    'kinematics': 'endpoint state and description disagree: set endpoint_link and tool_length to '
                  'the tool that is mounted, then restart',
    'not_finite': 'the robot reported or the servo computed a number that is none: restart the '
                  "robot's software, then clear_fault",
    'still_moving': 'the arm went on after a hold, so the robot was stopped: find out why before '
                    'reset, enable and clear_fault',
    'homing_failed': 'the arm did not arrive: look for an obstacle, then clear_fault',
    'master_lost': 'the ROS master is gone or was restarted: this process ends and must be '
                   'started again',
}


def fault(name: str, detail: str) -> Fault:
    """Return the fault of that name with its remedy."""
    return Fault(name, detail, REMEDIES[name])
