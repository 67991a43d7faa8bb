"""A side process of one thread for tests: a listening socket whose packets the test reads."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

STATE = {'type': 'state', 'seq': 1, 'time': 0.0, 'q': [0.0] * 7, 'v': [0.0] * 7,
         'effort': [0.0] * 7, 'position': [0.6, 0.1, 0.2], 'quaternion': [0.7071, 0.7071, 0, 0],
         'enabled': True, 'ready': True, 'stopped': False, 'error': False, 'homed': True,
         'estop_button': 0, 'estop_source': 0, 'collided': False, 'mode': 'IDLE', 'fault': None,
         'remedy': None, 'last_id': 0, 'reference': [0.6, 0.1, 0.2], 'tracking_error': 0.0,
         'connections': 1, 'rates': {'joints': 100.0}, 'calibration_error': 0.002}
WELCOME = {'type': 'welcome', 'proto': 1, 'role': 'commander', 'versions': {'sdk': '5.3.0'},
           'limits': {'speed': 0.1}, 'dry_run': False, 'camera_file': None}


class SideStub:
    """Listens at a path; the newest connection is the one it talks to."""

    def __init__(self, path: Path) -> None:
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server.bind(str(path))
        self._server.listen(4)
        self._server.setblocking(False)
        self.peer: socket.socket | None = None
        self.seq = 0

    def accept(self) -> bool:
        """Take a waiting connection; return whether there was one."""
        try:
            self.peer, _ = self._server.accept()
        except BlockingIOError:
            return False
        self.peer.setblocking(False)
        return True

    def say(self, **packet: Any) -> None:
        """Send one packet."""
        assert self.peer is not None
        self.peer.send(json.dumps(packet).encode())

    def say_state(self, **changes: Any) -> None:
        """Send a state that differs from `STATE` as told."""
        self.seq += 1
        self.say(**{**STATE, 'seq': self.seq, **changes})

    def heard(self, kind: str = '') -> list[dict[str, Any]]:
        """Return the packets that have come, of one type or of all."""
        packets = []
        while self.peer is not None:
            try:
                raw = self.peer.recv(16384)
            except (BlockingIOError, ConnectionResetError):
                break
            if not raw:
                break
            packets.append(json.loads(raw))
        return [p for p in packets if kind in ('', p['type'])]

    def hang_up(self) -> None:
        """Close the connection as a dead process would."""
        assert self.peer is not None
        self.peer.close()
        self.peer = None

    def close(self) -> None:
        """Listen no more."""
        if self.peer is not None:
            self.peer.close()
        self._server.close()
