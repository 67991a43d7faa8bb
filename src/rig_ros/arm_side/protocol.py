"""Every packet between the arm's side process and its clients: names, checks, bytes.

AF_UNIX SOCK_SEQPACKET, one JSON object per packet, at most 16 KiB, key `type`. Standard library
only, so that both ends use this very file. Metres, seconds of CLOCK_MONOTONIC, radians, frame
`base`. A packet that is not exactly what this module describes raises `PacketError`; nothing of it
is used. README.md beside this file describes the meaning.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Check = Callable[[str, Any], Any]

PROTO = 1
MAX_PACKET = 16 * 1024
"""Largest packet [byte]."""
MAX_AGE_S = 0.05
"""An older twist is dropped [s]."""
WATCHDOG_S = 0.1
"""Without a twist for this long a moving arm is held [s]."""
ROLES = ('commander', 'watcher')
REQUESTS = ('enable', 'disable', 'reset', 'stop', 'hold', 'clear_fault', 'home', 'gripper_open',
            'gripper_close', 'camera')
MODES = ('DISCONNECTED', 'DISABLED', 'IDLE', 'SERVO', 'HOMING', 'FAULT', 'ESTOP')
CAMERAS = ('head_camera', 'right_hand_camera', 'none')
_NAME = re.compile(r'[A-Za-z0-9_.:/-]{1,64}\Z')
_LARGEST_ID = 2 ** 53


class PacketError(ValueError):
    """Raised when a packet is not usable; `name` says which rule it breaks."""

    def __init__(self, name: str, message: str) -> None:
        """Keep both.

        Args:
            name: too_large, not_json, not_an_object, unknown_type, missing_key, unknown_key,
                wrong_type, not_finite or not_allowed.
            message: what was found and what is allowed.
        """
        super().__init__(f'{name}: {message}')
        self.name = name


def _shown(value: Any) -> str:
    """Return a value for a message, short and plain whatever it is."""
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + '...'


def _wrong(name: str, key: str, value: Any, allowed: str) -> PacketError:
    return PacketError(name, f'{key}: got {_shown(value)}, allowed: {allowed}')


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong('wrong_type', key, value, 'a number')
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _wrong('not_finite', key, value, 'a finite number')
    return number


def _integer(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong('wrong_type', key, value, 'an integer')
    if not 0 <= value <= _LARGEST_ID:
        raise _wrong('not_allowed', key, value, '0 to 2^53')
    return value


def _boolean(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong('wrong_type', key, value, 'true or false')
    return value


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong('wrong_type', key, value, 'a text')
    return value


def _identifier(key: str, value: Any) -> str:
    if not _NAME.match(_text(key, value)):
        raise _wrong('not_allowed', key, value, '1 to 64 letters, digits, _ . : / -')
    return str(value)


def _object(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong('wrong_type', key, value, 'an object')
    return value


def _vector(count: int) -> Check:
    def check(key: str, value: Any) -> tuple[float, ...]:
        if not isinstance(value, list) or len(value) != count:
            raise _wrong('wrong_type', key, value, f'{count} numbers')
        return tuple(_number(key, item) for item in value)
    return check


def _one_of(allowed: tuple[Any, ...]) -> Check:
    def check(key: str, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (str, int)) or value not in allowed:
            raise _wrong('not_allowed', key, value, f'one of {list(allowed)}')
        return value
    return check


def _optional(check: Check) -> Check:
    return lambda key, value: None if value is None else check(key, value)


@dataclass(frozen=True)
class Hello:
    """First packet of a client."""

    proto: int
    role: str
    name: str


@dataclass(frozen=True)
class Twist:
    """Move the hand with a velocity until the next one, 100 ms at most."""

    id: int
    sent: float
    """CLOCK_MONOTONIC of the sender, same machine [s]."""
    velocity: tuple[float, float, float]
    """[m/s], frame `base`."""


@dataclass(frozen=True)
class Request:
    """Something to do once; a `Reply` with the same id follows."""

    id: int
    name: str
    arguments: dict[str, Any]
    """`position` [m] for home (optional), `camera` for camera; empty for all others."""


@dataclass(frozen=True)
class Welcome:
    """Answer to an accepted hello."""

    proto: int
    role: str
    versions: dict[str, Any]
    limits: dict[str, Any]
    dry_run: bool
    camera_file: str | None
    """Memory-mapped file with the newest picture of the robot's camera; see `picture.py`."""


@dataclass(frozen=True)
class Refused:
    """Answer to a hello that is not accepted, or to a packet that is wrong; the end."""

    reason: str


@dataclass(frozen=True)
class Reply:
    """Outcome of a request."""

    id: int
    ok: bool
    message: str


@dataclass(frozen=True)
class State:
    """The arm at one arrival of its joint states, 100 Hz; while they are missing, 10 Hz."""

    seq: int
    time: float
    """CLOCK_MONOTONIC of the arrival of the joint states; 0 before the first [s]."""
    q: tuple[float, ...]
    v: tuple[float, ...]
    effort: tuple[float, ...]
    position: tuple[float, ...]
    """Of the controlled point [m]."""
    quaternion: tuple[float, ...]
    """x, y, z, w."""
    enabled: bool
    ready: bool
    stopped: bool
    error: bool
    homed: bool
    estop_button: int
    """0 released, 1 pressed, 2 unknown, 3 released but still stopped."""
    estop_source: int
    """0 none, 1 user, 2 unknown, 3 fault, 4 engine."""
    collided: bool
    mode: str
    fault: str | None
    remedy: str | None
    last_id: int
    """Of the newest twist that was accepted; 0 before the first."""
    reference: tuple[float, ...]
    """Where the servo wants the hand [m]."""
    tracking_error: float
    """Distance of hand and reference [m]."""
    connections: int
    """Subscribers of the joint command; none means that the robot cannot hear this machine."""
    rates: dict[str, Any]
    """Measured [Hz]: joints, endpoint, robot, servo."""
    calibration_error: float
    """Distance of the robot's own endpoint and its description's kinematics [m]."""


_ANSWER: dict[str, tuple[Any, dict[str, Check]]] = {
    'welcome': (Welcome, {
        'proto': _integer, 'role': _one_of(ROLES), 'versions': _object, 'limits': _object,
        'dry_run': _boolean, 'camera_file': _optional(_text)}),
    'refused': (Refused, {'reason': _text}),
    'reply': (Reply, {'id': _integer, 'ok': _boolean, 'message': _text}),
    'state': (State, {
        'seq': _integer, 'time': _number, 'q': _vector(7), 'v': _vector(7), 'effort': _vector(7),
        'position': _vector(3), 'quaternion': _vector(4), 'enabled': _boolean, 'ready': _boolean,
        'stopped': _boolean, 'error': _boolean, 'homed': _boolean,
        'estop_button': _one_of((0, 1, 2, 3)), 'estop_source': _one_of((0, 1, 2, 3, 4)),
        'collided': _boolean, 'mode': _one_of(MODES), 'fault': _optional(_text),
        'remedy': _optional(_text), 'last_id': _integer, 'reference': _vector(3),
        'tracking_error': _number, 'connections': _integer, 'rates': _object,
        'calibration_error': _number}),
}
_COMMAND: dict[str, tuple[Any, dict[str, Check]]] = {
    'hello': (Hello, {'proto': _integer, 'role': _one_of(ROLES), 'name': _identifier}),
    'twist': (Twist, {'id': _integer, 'sent': _number, 'velocity': _vector(3)}),
    'request': (Request, {'id': _integer, 'name': _one_of(REQUESTS), 'arguments': _object}),
}
_ARGUMENTS: dict[str, dict[str, Check]] = {
    'home': {'position': _vector(3)}, 'camera': {'camera': _one_of(CAMERAS)}}
_NEEDED = {'camera': {'camera'}}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise PacketError('not_json', 'a key occurs twice in one object')
    return found


def _no_constant(text: str) -> None:
    raise PacketError('not_finite', f'got {text}, allowed: finite numbers')


def _checked(value: Mapping[str, Any], checks: dict[str, Check], needed: set[str],
             where: str) -> dict[str, Any]:
    missing, unknown = needed - set(value), set(value) - set(checks)
    if missing:
        raise PacketError('missing_key', f'{where}: lacks {sorted(missing)}')
    if unknown:
        raise _wrong('unknown_key', where, sorted(unknown), str(sorted(checks)))
    return {key: checks[key](key, item) for key, item in value.items()}


def _parse(packet: bytes, table: dict[str, tuple[Any, dict[str, Check]]]) -> Any:
    if len(packet) > MAX_PACKET:
        raise PacketError('too_large', f'got {len(packet)} bytes, allowed: {MAX_PACKET}')
    try:
        value = json.loads(packet.decode('utf-8'), object_pairs_hook=_unique,
                           parse_constant=_no_constant)
    except PacketError:
        raise
    except (ValueError, RecursionError) as error:
        raise PacketError('not_json', _shown(str(error))) from None
    if not isinstance(value, dict):
        raise _wrong('not_an_object', 'packet', value, 'a JSON object')
    kind = value.pop('type', None)
    if not isinstance(kind, str) or kind not in table:
        raise _wrong('unknown_type', 'type', kind, f'one of {sorted(table)}')
    made, checks = table[kind]
    return made(**_checked(value, checks, set(checks), kind))


def parse_command(packet: bytes) -> Hello | Twist | Request:
    """Return what a client sent.

    Raises:
        PacketError: it is not exactly a hello, twist or request.
    """
    command: Hello | Twist | Request = _parse(packet, _COMMAND)
    if isinstance(command, Request):
        checks = _ARGUMENTS.get(command.name, {})
        arguments = _checked(command.arguments, checks, _NEEDED.get(command.name, set()),
                             'arguments of ' + command.name)
        return Request(command.id, command.name, arguments)
    return command


def parse_answer(packet: bytes) -> Welcome | Refused | Reply | State:
    """Return what the side process sent.

    Raises:
        PacketError: it is not exactly a welcome, refused, reply or state.
    """
    answer: Welcome | Refused | Reply | State = _parse(packet, _ANSWER)
    return answer


def encode(packet: Hello | Twist | Request | Welcome | Refused | Reply | State) -> bytes:
    """Return the bytes of a packet.

    Raises:
        PacketError: a number is not finite, or the packet would be too large.
    """
    value = {field.name: getattr(packet, field.name) for field in fields(packet)}
    value['type'] = type(packet).__name__.lower()
    try:
        encoded = json.dumps(value, allow_nan=False, separators=(',', ':')).encode('ascii')
    except ValueError:
        raise PacketError('not_finite', value['type'] + ': a number is not finite') from None
    if len(encoded) > MAX_PACKET:
        raise PacketError('too_large', '{}: {} bytes'.format(value['type'], len(encoded)))
    return encoded
