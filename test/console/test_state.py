"""Frames of the ROS process become subjects; silence is noticed and never shown as calm."""

from __future__ import annotations

import json
import struct
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip('aiohttp')

from console_bench import camera_frame, diagnostics

from rig_ros.console.board import Board
from rig_ros.console.state import CURVE_POINTS, GraphState, Learning


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def fresh() -> tuple[GraphState, Board, Clock]:
    board, clock = Board(), Clock()
    return GraphState(board, clock), board, clock


def shown(board: Board, subject: str) -> Any:
    return json.loads(board.entries[subject])['value']


def test_a_picture_is_png_behind_kind_and_stamp():
    state, board, _ = fresh()
    state.take(camera_frame(stamp=2**60 + 1, shade=7))
    content = board.entries['camera']
    assert isinstance(content, bytes)
    assert struct.unpack_from('<BQ', content) == (1, 2**60 + 1)
    decoded = cv2.imdecode(np.frombuffer(content[9:], np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(decoded[..., ::-1], state.camera)


def test_true_places_belong_to_their_picture_and_to_none_that_is_newer():
    state, _, clock = fresh()
    state.take(camera_frame(stamp=5, shade=5))
    state.take(({'kind': 'truth', 'stamp': 4, 'values': {'hand': '9 9 9'}}, b''))
    assert state.seen[1] == {}
    state.take(({'kind': 'truth', 'stamp': 5, 'values': {'hand': '1 2 3'}}, b''))
    state.take(camera_frame(stamp=6, shade=6))
    picture, truth = state.seen
    assert truth == {'hand': (1.0, 2.0, 3.0)}
    assert picture is not None
    assert picture[-1, -1, 0] == 5
    clock.now += 0.6
    state.take(camera_frame(stamp=7, shade=7))
    assert state.seen[0] is state.camera
    assert state.seen[1] == {}


def test_a_silent_camera_leaves_no_picture_to_capture_or_to_show():
    state, board, clock = fresh()
    state.take(camera_frame())
    assert shown(board, 'link')['camera'] == 'live'
    clock.now += 1.5
    state.tick()
    assert state.camera is None
    assert 'camera' not in board.entries
    assert shown(board, 'link')['camera'] == 'silent'


def test_a_silent_node_is_said_to_be_silent_whatever_it_said_last():
    state, board, clock = fresh()
    state.take(diagnostics('guard: motion', message='commands are forwarded'))
    assert shown(board, 'parts')[0]['level'] == 0
    clock.now += 4.0
    state.tick()
    part = shown(board, 'parts')[0]
    assert part['level'] == 3
    assert part['message'].startswith('silent for more than 3 s')
    assert part['remedy']


def test_problems_come_with_a_remedy():
    state, board, _ = fresh()
    state.take(diagnostics('guard: motion', 2, 'e-stop tripped by service'))
    assert 'clear the e-stop' in shown(board, 'parts')[0]['remedy']


def test_the_e_stop_is_never_forgotten_and_unknown_without_a_guard():
    state, board, clock = fresh()
    assert shown(board, 'estop') == {'tripped': None, 'known': False}
    state.take(({'kind': 'estop', 'tripped': False}, b''))
    assert shown(board, 'estop') == {'tripped': False, 'known': True}
    state.take(({'kind': 'estop', 'tripped': True}, b''))
    clock.now += 10.0
    state.tick()
    assert shown(board, 'estop') == {'tripped': True, 'known': False}
    state.take(diagnostics('guard: state'))
    assert shown(board, 'estop') == {'tripped': True, 'known': True}
    state.take(({'kind': 'left'}, b''))
    assert shown(board, 'estop') == {'tripped': True, 'known': False}
    state.take(({'kind': 'estop', 'tripped': False}, b''))
    assert shown(board, 'estop') == {'tripped': False, 'known': True}


def test_distances_belong_to_the_active_goal_only():
    state, _, _ = fresh()
    state.take(({'kind': 'goal', 'goal_id': '5', 'encoder': 'e'}, b''))
    state.take(({'kind': 'distance', 'stamp': 1, 'value': 2.0, 'goal_id': '5'}, b''))
    state.take(({'kind': 'distance', 'stamp': 2, 'value': 9.0, 'goal_id': '4'}, b''))
    assert state.history() == [(1, 2.0)]
    state.take(({'kind': 'goal', 'goal_id': '6', 'encoder': 'e'}, b''))
    assert state.history() == []


def test_a_lost_ros_process_is_told():
    state, board, _ = fresh()
    state.take(({'kind': 'joined', 'domain': '3', 'namespace': '/'}, b''))
    state.take(({'kind': 'left'}, b''))
    assert shown(board, 'link')['ros'] == 'restarting'


def test_learning_curves_stay_short_and_keep_their_span():
    learning = Learning()
    for step in range(10 * CURVE_POINTS):
        learning.add({'env_steps': str(step), 'phase': 'learn'}, float(step))
    steps = [row['env_steps'] for row in learning.rows]
    assert len(steps) <= CURVE_POINTS
    assert steps == sorted(steps)
    assert steps[0] < 100
    assert steps[-1] > 9.8 * CURVE_POINTS
