"""The driver's end of the socket to the side process that owns the arm. No ROS, nothing waits.

Packets are those of `arm_side.protocol`, the one definition for both ends; times are seconds of
CLOCK_MONOTONIC, which both share.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rig_ros.arm_side import protocol
from rig_ros.arm_side.protocol import (
    Hello,
    PacketError,
    Refused,
    Reply,
    Request,
    State,
    Twist,
    Welcome,
)
from rig_ros.errors import HardwareError
from rig_ros.hardware.robot import RobotState, Vector

SEND_BUFFER = 65536


def quaternion_to_rotation(quaternion: Sequence[float] | Vector) -> Vector:
    """Return a quaternion (x, y, z, w) as a rotation matrix, shape (3, 3)."""
    values = np.asarray(quaternion, np.float64)
    x, y, z, w = values / max(float(np.linalg.norm(values)), 1e-9)
    return np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                     [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                     [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]])


def robot_state(state: State) -> RobotState:
    """Return the part of a state that every robot has."""
    return RobotState(np.array(state.position), quaternion_to_rotation(state.quaternion),
                      np.array(state.q), np.array(state.v), np.array(state.effort))


class SawyerLink:
    """One connection, as a commander or a watcher; say `close` when it is of no more use."""

    def __init__(self, connection: socket.socket, name: str, role: str = 'commander') -> None:
        """Take a connected socket and say hello.

        Args:
            connection: SOCK_SEQPACKET.
            name: of this client, for the side process's log.
            role: commander (one at a time) or watcher (commands nothing but `stop`).
        """
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._socket = connection
        self.closed = ''
        """Why the connection is over; empty while it is not."""
        self.send(Hello(protocol.PROTO, role, name))

    @classmethod
    def open(cls, path: Path, name: str, role: str = 'commander') -> SawyerLink:
        """Connect to the side process's socket.

        Raises:
            HardwareError: nobody listens there, or this user may not connect.
        """
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.setblocking(False)  # a hung side process must not hang its client
        try:
            connection.connect(str(path))
        except OSError as error:
            connection.close()
            raise HardwareError(f'arm socket {path}: {error.strerror or error}; is the side '
                                'process running, as the same user?') from error
        return cls(connection, name, role)

    def fileno(self) -> int:
        """Return the descriptor, readable when packets wait."""
        return self._socket.fileno()

    def send(self, packet: Hello | Twist | Request) -> bool:
        """Send a packet; return whether it left. A full buffer drops it: newer ones come.

        Raises:
            PacketError: a number is not finite.
        """
        if self.closed:
            return False
        try:
            self._socket.send(protocol.encode(packet))
        except BlockingIOError:
            return False
        except OSError as error:
            self._gone(error)
            return False
        return True

    def receive(self) -> list[Welcome | Refused | Reply | State]:
        """Return the packets that have arrived; one that breaks the protocol ends the link."""
        packets: list[Welcome | Refused | Reply | State] = []
        while not self.closed:
            try:
                raw = self._socket.recv(protocol.MAX_PACKET + 1)
                if not raw:
                    self.close('the side process closed the connection')
                    break
                packets.append(protocol.parse_answer(raw))
            except BlockingIOError:
                break
            except OSError as error:  # a peer killed with unread packets resets the connection
                self._gone(error)
            except PacketError as error:
                self.close(f'the side process speaks another protocol ({error}); start the one of '
                           'this installation')
        return packets

    def close(self, why: str = 'closed here') -> None:
        """End the connection; the side process holds the arm when its commander leaves."""
        if not self.closed:
            self.closed = why
            self._socket.close()

    def _gone(self, error: OSError) -> None:
        self.close(f'the side process is gone ({error.strerror or error})')
