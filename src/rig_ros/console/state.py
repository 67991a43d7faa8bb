"""What the console knows of the graph, made from the frames of the ROS process.

Pure: frames and clocks go in, subjects of a `Board` come out. Times are seconds of a monotonic
clock; stamps are nanoseconds of pictures. Distances are Euclidean, in the model's latent space.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from rig_ros.console.board import Board
from rig_ros.console.remedies import remedy
from rig_ros.console.truth import Places, places
from rig_ros.console.wire import Frame
from rig_ros.vision.image import Picture, encode_picture

SILENT_S = 3.0
"""Nodes speak once a second; a node is silent after this."""
CAMERA_SILENT_S = 1.0
TRUTH_S = 0.5
"""How old a picture may be to be preferred because its true places are known."""
HISTORY = 600
"""Points of the distance kept for those who join."""
EPISODES = 50
CURVE_POINTS = 400
PICTURE_KINDS = {'camera': 1, 'goal_picture': 2}
PICTURE_HEAD = struct.Struct('<BQ')
"""Kind and stamp before a picture's PNG."""
STALE = 3


def png(image_hwc_u8: Picture) -> bytes:
    """Return a picture as PNG, quickly rather than small."""
    return encode_picture(image_hwc_u8, options=[cv2.IMWRITE_PNG_COMPRESSION, 1])


class Learning:
    """Curves of the trainer's figures, thinned when they grow long."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.newest: dict[str, str] = {}
        self._keep_every = 1
        self._seen = 0

    def add(self, values: dict[str, str], now_s: float) -> None:
        """Take the key/values of trainer/metrics."""
        self.newest = values
        row = {'t': round(now_s, 1)}
        for key, text in values.items():
            try:
                row[key] = float(text)
            except ValueError:
                continue
        self._seen += 1
        if self._seen % self._keep_every == 0:
            self.rows.append(row)
        if len(self.rows) > CURVE_POINTS:
            self.rows = self.rows[::2]
            self._keep_every *= 2


class GraphState:
    """See the module. `take` a frame, `tick` a few times a second."""

    def __init__(self, board: Board, clock: Callable[[], float] = time.monotonic) -> None:
        """Start knowing nothing.

        Args:
            board: where subjects are shown.
            clock: seconds.
        """
        self.board = board
        self._clock = clock
        self.camera: Picture | None = None
        """What the robot sees now; None before the first picture and when the camera is silent."""
        self.goal_id = ''
        self.mode = ''
        self.events: deque[dict[str, str]] = deque(maxlen=EPISODES)
        self.on_event: Callable[[dict[str, str]], None] = lambda event: None
        """Told each new episode event, with `stamp_ns`."""
        self.distance: float | None = None
        """Newest distance to the active goal."""
        self._camera_s = float('-inf')
        self._camera_stamp = 0
        self._told: tuple[float, Picture, Places] | None = None
        self._link: dict[str, Any] = {'ros': 'starting', 'domain': '', 'namespace': ''}
        self._parts: dict[str, dict[str, Any]] = {}
        self._heard_s: dict[str, float] = {}
        self._points: deque[tuple[int, float]] = deque(maxlen=HISTORY)
        self._models: dict[str, dict[str, str]] = {}
        self._learning = Learning()
        self._tripped: bool | None = None
        self._guard_s = float('-inf')
        self._tell()

    # Frames --------------------------------------------------------------------------------------
    def take(self, frame: Frame) -> None:
        """Take one frame of the ROS process."""
        head, body = frame
        method = getattr(self, f'_take_{head["kind"]}', None)
        if method is not None:
            method(head, body)

    def _take_joined(self, head: dict[str, Any], _: bytes) -> None:
        self._link = {'ros': 'joined', 'domain': head['domain'], 'namespace': head['namespace']}
        self._tell()

    def _take_left(self, _: dict[str, Any], __: bytes) -> None:
        self._link['ros'] = 'restarting'
        self._guard_s = float('-inf')
        self._forget_camera()
        self._tell()

    def _take_camera(self, head: dict[str, Any], body: bytes) -> None:
        self.camera = np.frombuffer(body, np.uint8).reshape(head['height'], head['width'], 3)
        silent, self._camera_s = self._camera_is_silent(), self._clock()
        self._camera_stamp = head['stamp']
        self._show_picture(head, self.camera)
        if silent:
            self._tell()

    def _take_truth(self, head: dict[str, Any], _: bytes) -> None:
        if self.camera is not None and head['stamp'] == self._camera_stamp:
            self._told = self._clock(), self.camera, places(head['values'])

    def _take_goal_picture(self, head: dict[str, Any], body: bytes) -> None:
        self._show_picture(head, np.frombuffer(body, np.uint8).reshape(
            head['height'], head['width'], 3))

    def _show_picture(self, head: dict[str, Any], picture: Picture) -> None:
        kind = head['kind']
        self.board.put(kind, PICTURE_HEAD.pack(PICTURE_KINDS[kind], head['stamp'])
                        + png(picture))

    def _take_distance(self, head: dict[str, Any], _: bytes) -> None:
        if head['goal_id'] != self.goal_id:
            return
        self.distance = head['value']
        self._points.append((head['stamp'], round(head['value'], 4)))
        self.board.put_json('distance', self._points[-1], lasting=False)

    def _take_goal(self, head: dict[str, Any], _: bytes) -> None:
        if head['goal_id'] != self.goal_id:
            self._points.clear()
            self.distance = None
        self.goal_id = head['goal_id']
        self.board.put_json('goal', {'id': head['goal_id'], 'encoder': head['encoder']})

    def _take_estop(self, head: dict[str, Any], _: bytes) -> None:
        self._tripped, self._guard_s = head['tripped'], self._clock()
        self._tell()

    def _take_values(self, head: dict[str, Any], _: bytes) -> None:
        topic, values = head['topic'], head['values']
        if topic == 'episode/events':
            event = {**values, 'stamp_ns': str(head['stamp'])}
            if event in self.events:  # latched: the ROS process was started again
                return
            self.events.append(event)
            self.board.put_json('episodes', list(self.events)[-20:])
            self.on_event(event)
        elif topic == 'model/status':
            self._models[values.get('node') or head['name']] = values
            self.board.put_json('models', self._models)
        elif topic == 'trainer/metrics':
            self._learning.add(values, self._clock())
            self.board.put_json('learning', {'newest': self._learning.newest,
                                              'rows': self._learning.rows})

    def _take_diagnostics(self, head: dict[str, Any], _: bytes) -> None:
        for part in head['parts']:
            name = part['name']
            self._parts[name] = part
            self._heard_s[name.partition(':')[0]] = self._clock()
            if name == 'episode: episode':
                self.mode = part['values'].get('mode', '')
            if name.startswith('guard:'):
                self._guard_s = self._clock()
        self._tell()

    # Time ----------------------------------------------------------------------------------------
    def tick(self) -> None:
        """Notice silence."""
        if self._camera_is_silent():
            self._forget_camera()
        self._tell()

    def _camera_is_silent(self) -> bool:
        return self._clock() - self._camera_s > CAMERA_SILENT_S

    def _forget_camera(self) -> None:
        self.camera = None
        self.board.entries.pop('camera', None)

    @property
    def seen(self) -> tuple[Picture | None, Places]:
        """The newest picture whose true places are known, and these; else `camera` and none."""
        if self.camera is None or self._told is None or self._clock() - self._told[0] > TRUTH_S:
            return self.camera, {}
        return self._told[1:]

    @property
    def active_bundle(self) -> str:
        """Hash of the model that the goal node uses, '' for none."""
        return self._models.get('goal', {}).get('active', '')

    # Subjects ------------------------------------------------------------------------------------
    @property
    def estop(self) -> dict[str, bool | None]:
        """The e-stop as it was last told (None: never), and whether the guard still speaks."""
        return {'tripped': self._tripped,
                'known': self._clock() - self._guard_s <= SILENT_S}

    def history(self) -> list[tuple[int, float]]:
        """Return the distances since the goal was set, at most the last 600."""
        return list(self._points)

    def _silent_s(self, node: str) -> float | None:
        """Return for how long a node has said nothing, None when it speaks."""
        since = self._clock() - self._heard_s.get(node, float('-inf'))
        return since if since > SILENT_S else None

    def _tell(self) -> None:
        silent = {node: s for node in self._heard_s if (s := self._silent_s(node)) is not None}
        alive = len(self._heard_s) - len(silent)
        self.board.put_json('link', {
            **self._link, 'camera': 'silent' if self._camera_is_silent() else 'live',
            'nodes': alive, 'known': len(self._heard_s)})
        self.board.put_json('parts', [
            self._shown(part, silent.get(part['name'].partition(':')[0]))
            for name, part in sorted(self._parts.items()) if not name.endswith(': timing')])
        self.board.put_json('timing', {
            name.partition(':')[0]: part['values'] for name, part in sorted(self._parts.items())
            if name.endswith(': timing')})
        self.board.put_json('estop', self.estop)

    @staticmethod
    def _shown(part: dict[str, Any], silent_s: float | None) -> dict[str, Any]:
        if silent_s is None:
            text = remedy(part['name'], part['message']) if part['level'] else ''
            return {**part, 'remedy': text}
        message = f'silent for more than {SILENT_S:.0f} s; last said: {part["message"]}'
        return {**part, 'level': STALE, 'message': message,
                'remedy': remedy('', 'silent for')}
