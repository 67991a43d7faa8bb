"""Packets of the arm's socket: what is exact passes, everything else has a named reason."""

from __future__ import annotations

import json

import pytest

from rig_ros.arm_side import protocol
from rig_ros.arm_side.protocol import (
    Hello,
    PacketError,
    Request,
    Twist,
    Welcome,
    encode,
    parse_answer,
    parse_command,
)

HELLO = {'type': 'hello', 'proto': 1, 'role': 'commander', 'name': 'driver'}
TWIST = {'type': 'twist', 'id': 3, 'sent': 1.5, 'velocity': [0.1, 0, -0.1]}


def packed(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize('packet', [
    Hello(1, 'watcher', 'a'), Twist(1, 0.5, (0.1, 0.0, 0.2)), Request(1, 'hold', {}),
    Request(2, 'home', {'position': (0.6, 0.0, 0.2)}), Request(3, 'camera', {'camera': 'none'})])
def test_commands_survive_the_way(packet: object):
    assert parse_command(encode(packet)) == packet  # type: ignore[arg-type]


def test_state_survives_the_way(state: protocol.State):
    assert parse_answer(encode(state)) == state


def test_welcome_survives_the_way():
    welcome = Welcome(1, 'commander', {'rospy': '1.15'}, {'speed': 0.1}, True, None)
    assert parse_answer(encode(welcome)) == welcome


@pytest.mark.parametrize(('packet', 'name'), [
    (b'', 'not_json'), (b'\xff\xfe', 'not_json'), (b'{', 'not_json'), (b'[' * 9000, 'not_json'),
    (b' ' * (protocol.MAX_PACKET + 1), 'too_large'), (b'[]', 'not_an_object'),
    (b'{"type":"twist","type":"twist"}', 'not_json'), (packed({}), 'unknown_type'),
    (packed({**HELLO, 'type': ['hello']}), 'unknown_type'),
    (packed({**HELLO, 'type': 'state'}), 'unknown_type'),
    (packed({'type': 'hello'}), 'missing_key'), (packed({**HELLO, 'x': 1}), 'unknown_key'),
    (packed({**HELLO, 'role': 'boss'}), 'not_allowed'),
    (packed({**HELLO, 'role': ['watcher']}), 'not_allowed'),
    (packed({**HELLO, 'name': 'a\n'}), 'not_allowed'),
    (packed({**TWIST, 'id': True}), 'wrong_type'), (packed({**TWIST, 'id': 2.0}), 'wrong_type'),
    (packed({**TWIST, 'id': -1}), 'not_allowed'),
    (packed({**TWIST, 'velocity': [0, 0]}), 'wrong_type'),
    (packed({**TWIST, 'velocity': [0, 0, '0']}), 'wrong_type'),
    (packed({**TWIST, 'velocity': [0, 0, float('nan')]}), 'not_finite'),
    (packed({**TWIST, 'sent': 10 ** 400}), 'not_finite'),
    (b'{"type":"twist","id":1,"sent":1e999,"velocity":[0,0,0]}', 'not_finite'),
    (packed({'type': 'request', 'id': 1, 'name': 'dance', 'arguments': {}}), 'not_allowed'),
    (packed({'type': 'request', 'id': 1, 'name': 'hold', 'arguments': {'a': 1}}), 'unknown_key'),
    (packed({'type': 'request', 'id': 1, 'name': 'camera', 'arguments': {}}), 'missing_key'),
])
def test_names_what_is_wrong(packet: bytes, name: str):
    with pytest.raises(PacketError) as caught:
        parse_command(packet)
    assert caught.value.name == name
    assert str(caught.value).isascii()
    assert len(str(caught.value)) < 300


def test_never_sends_what_the_other_end_would_refuse():
    with pytest.raises(PacketError, match='not_finite'):
        encode(Twist(1, 0.0, (float('inf'), 0.0, 0.0)))
    with pytest.raises(PacketError, match='too_large'):
        encode(protocol.Refused('x' * protocol.MAX_PACKET))
