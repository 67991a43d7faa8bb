"""Stands for rospy: what the side process uses of it, with its manners.

Callbacks run in another thread. A robot that is gone is not noticed, only silent; it is found
again by itself. Commands that nobody hears raise nothing.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

__version__ = 'fake 1.15'
_HEAD = struct.Struct('>II')
_RECONNECT_S = 0.2


class ROSException(Exception):
    """Raised as by the real one."""


class ROSInitException(ROSException):
    """Raised when used before init_node."""


class _Link:
    """The connection to the fake robot, made again when lost."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._callbacks: dict[str, list[Callable[[Any], None]]] = {}
        self._answers: dict[int, tuple[threading.Event, list[Any]]] = {}
        self._next = 1
        self.connections = 0
        self._socket: socket.socket | None = None
        self._connect()
        self.subscribe('/fake/connections', self._on_connections)
        threading.Thread(target=self._read_forever, daemon=True).start()

    def _connect(self) -> None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(self._path)
        except OSError:
            connection.close()
            return
        self._socket = connection
        for topic in list(self._callbacks):
            self.send({'op': 'subscribe', 'topic': topic})

    def _on_connections(self, message: Any) -> None:
        self.connections = int(message.count)

    def send(self, value: dict[str, Any]) -> None:
        text = json.dumps(value).encode()
        with self._lock:
            try:
                if self._socket is not None:
                    self._socket.sendall(_HEAD.pack(len(text), 0) + text)
            except OSError:
                pass  # as the real one: silence

    def subscribe(self, topic: str, callback: Callable[[Any], None]) -> None:
        self._callbacks.setdefault(topic, []).append(callback)
        self.send({'op': 'subscribe', 'topic': topic})

    def ask(self, **question: Any) -> Any:
        with self._lock:
            number, self._next = self._next, self._next + 1
        arrived = threading.Event()
        value: list[Any] = []
        self._answers[number] = (arrived, value)
        self.send({**question, 'id': number})
        if not arrived.wait(2.0):
            raise ConnectionRefusedError('the master does not answer')
        return value[0]

    def _read_forever(self) -> None:
        while True:
            if self._socket is None:
                time.sleep(_RECONNECT_S)
                self._connect()
                continue
            head = self._exactly(_HEAD.size)
            if head is None:
                continue
            text, blob = _HEAD.unpack(head)
            body, pixels = self._exactly(text), self._exactly(blob)
            if body is not None and pixels is not None:
                self._dispatch(body, pixels)

    def _exactly(self, count: int) -> bytes | None:
        assert self._socket is not None
        parts = bytearray()
        while len(parts) < count:
            try:
                received = self._socket.recv(count - len(parts))
            except OSError:
                received = b''
            if not received:
                self._socket, self.connections = None, 0
                return None
            parts += received
        return bytes(parts)

    def _dispatch(self, body: bytes, blob: bytes) -> None:
        frame = json.loads(body)
        if frame['op'] == 'answer':
            arrived, value = self._answers.pop(frame['id'], (threading.Event(), []))
            value.append(frame['value'])
            arrived.set()
            return
        message = _object(frame['message'])
        if blob:
            message.data = blob
        for callback in list(self._callbacks.get(frame['topic'], [])):
            callback(message)


def _object(value: Any) -> Any:
    if isinstance(value, dict):
        return SimpleNamespace(**{name: _object(item) for name, item in value.items()})
    return [_object(item) for item in value] if isinstance(value, list) else value


_link: _Link | None = None


def link() -> _Link:
    """Return the connection.

    Raises:
        ROSInitException: before init_node.
    """
    if _link is None:
        raise ROSInitException('init_node must come first')
    return _link


def init_node(name: str, anonymous: bool = False, disable_signals: bool = False) -> None:
    """Connect to the fake robot that RIG_FAKE_ROBOT names; waits for it."""
    global _link
    path = os.environ.get('RIG_FAKE_ROBOT')
    if not path:
        raise ROSInitException("fake rospy: RIG_FAKE_ROBOT must name the fake robot's socket")
    while not os.path.exists(path):
        time.sleep(0.1)
    _link = _Link(path)


def signal_shutdown(reason: str) -> None:
    """End; nothing to do."""


def is_shutdown() -> bool:
    """Tell whether the node has ended."""
    return False


def get_param(name: str, *default: Any) -> Any:
    """Return a parameter.

    Raises:
        KeyError: it is not set and there is no default.
    """
    value = link().ask(op='param', name=name)
    if value is None:
        if default:
            return default[0]
        raise KeyError(name)
    return value


class _Master:
    def getPid(self) -> tuple[int, str, int]:  # noqa: N802
        master = link().ask(op='master')
        if master == 'down':
            raise ConnectionRefusedError('the master does not answer')
        return 1, '', 1 if master == 'up' else 2


def get_master() -> _Master:
    """Return the master."""
    return _Master()


class Subscriber:
    """Calls back with each message, in another thread."""

    def __init__(self, name: str, data_class: Any, callback: Any = None, **options: Any) -> None:
        link().subscribe(name, callback)


class Publisher:
    """Publishes to the robot."""

    def __init__(self, name: str, data_class: Any = None, **options: Any) -> None:
        self._name = name

    def publish(self, message: Any) -> None:
        """Send, and never tell whether it arrived."""
        fields = message if isinstance(message, dict) else vars(message)
        link().send({'op': 'publish', 'topic': self._name, 'message': fields})

    def get_num_connections(self) -> int:
        """Return how many nodes hear it."""
        return link().connections
