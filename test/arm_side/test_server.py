"""Who may talk to the side process, and what becomes of packets that are wrong."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bad_packets
import numpy as np
import pytest

from rig_ros.arm_side import server as servers
from rig_ros.arm_side.protocol import (
    MAX_PACKET,
    Hello,
    Refused,
    Reply,
    Request,
    State,
    Twist,
    Welcome,
    encode,
    parse_answer,
)
from rig_ros.arm_side.server import Server


class Handler:
    """Notes what the server hands over."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def welcome(self, role: str) -> Welcome:
        return Welcome(1, role, {}, {}, False, None)

    def twist(self, packet: Twist) -> None:
        self.calls.append(packet)

    def request(self, client: Any, packet: Request) -> None:
        self.calls.append(packet)

    def commander_came(self) -> None:
        self.calls.append('came')

    def commander_left(self, why: str) -> None:
        self.calls.append('left')


class Desk:
    """A server without threads: `turn` lets it work."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / 's')
        self.handler, self.now = Handler(), 0.0
        self.server = Server(self.path, self.handler, lambda line: None)

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.settimeout(5.0)
        client.connect(self.path)
        self.turn()
        return client

    def turn(self, count: int = 3) -> None:
        for _ in range(count):
            self.server.turn(0.0, lambda: self.now)

    def greeted(self, role: str) -> tuple[socket.socket, Any]:
        client = self.connect()
        client.send(encode(Hello(1, role, role)))
        self.turn()
        return client, parse_answer(client.recv(MAX_PACKET))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.server.close()


def refusal(client: socket.socket) -> str:
    """Return why the server closed the connection."""
    answer = parse_answer(client.recv(MAX_PACKET))
    assert isinstance(answer, Refused), answer
    assert client.recv(MAX_PACKET) == b''
    return answer.reason


def test_only_this_user_may_open_the_socket(desk: Desk):
    assert stat.S_IMODE(os.stat(desk.path).st_mode) == 0o600


def test_another_user_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(servers, '_peer_user', lambda connection: 12345)
    assert 'another user' in refusal(desk.connect())


def test_one_commander_at_a_time(desk: Desk):
    first, welcome = desk.greeted('commander')
    assert isinstance(welcome, Welcome)
    second, refused = desk.greeted('commander')
    assert 'has the lease' in refused.reason
    second.close()
    first.close()
    desk.turn()
    assert desk.handler.calls == ['came', 'left']
    assert isinstance(desk.greeted('commander')[1], Welcome)


def test_a_commander_that_is_killed_with_packets_unread_leaves(desk: Desk, state: State):
    client, _ = desk.greeted('commander')
    client.send(encode(Twist(1, 0.0, (0.0, 0.0, 0.0))))
    desk.server.broadcast(state, 0.0)
    client.close()  # with packets unread: the next read of the server is ECONNRESET
    desk.turn()
    assert desk.handler.calls[-1] == 'left'


def test_of_many_twists_only_the_newest_counts(desk: Desk):
    client, _ = desk.greeted('commander')
    for number in range(1, 9):
        client.send(encode(Twist(number, 0.0, (0.1, 0.0, 0.0))))
    desk.turn(1)
    assert desk.handler.calls == ['came', Twist(8, 0.0, (0.1, 0.0, 0.0))]


def test_a_zero_before_the_newest_twist_is_not_lost(desk: Desk):
    client, _ = desk.greeted('commander')
    zero, moving = Twist(2, 0.0, (0.0, 0.0, 0.0)), Twist(3, 0.0, (0.1, 0.0, 0.0))
    for packet in (Twist(1, 0.0, (0.1, 0.0, 0.0)), zero, moving):
        client.send(encode(packet))
    desk.turn(1)
    assert desk.handler.calls == ['came', zero, moving]


def test_a_watcher_hears_and_may_only_stop(desk: Desk, state: State):
    watcher, _ = desk.greeted('watcher')
    desk.server.broadcast(state, 0.0)
    assert parse_answer(watcher.recv(MAX_PACKET)) == state
    watcher.send(encode(Request(1, 'stop', {})))
    desk.turn()
    assert desk.handler.calls == [Request(1, 'stop', {})]
    watcher.send(encode(Twist(1, 0.0, (0.1, 0.0, 0.0))))
    desk.turn()
    assert 'watcher' in refusal(watcher)
    assert len(desk.handler.calls) == 1


@pytest.mark.parametrize(('packet', 'reason'), [
    (encode(Twist(1, 0.0, (0.0, 0.0, 0.0))), 'hello must be the first'),
    (encode(Request(1, 'stop', {})), 'hello must be the first'),
    (encode(Hello(2, 'watcher', 'a')), 'proto'), (b'{}', 'unknown_type'),
    (b'x' * (MAX_PACKET + 500), 'too_large')])
def test_a_stranger_that_breaks_a_rule_is_told_and_closed(desk: Desk, packet: bytes, reason: str):
    client = desk.connect()
    client.send(packet)
    desk.turn()
    assert reason in refusal(client)


def test_a_silent_stranger_is_closed(desk: Desk):
    client = desk.connect()
    desk.now = 1.5
    desk.turn()
    assert client.recv(MAX_PACKET) == b''


def test_a_client_that_reads_nothing_is_closed_and_others_are_served(desk: Desk, state: State):
    deaf, _ = desk.greeted('watcher')
    keen, _ = desk.greeted('watcher')
    for tick in range(3000):
        desk.now = 0.01 * tick
        desk.server.broadcast(state, desk.now)
        keen.recv(MAX_PACKET)
        desk.turn(1)
    assert len(desk.server._clients) == 1
    deaf.close()


def test_there_is_an_end_to_the_number_of_clients(desk: Desk):
    clients = [desk.greeted('watcher')[0] for _ in range(servers.MAX_CLIENTS)]
    assert 'clients' in refusal(desk.connect())
    assert len(clients) == servers.MAX_CLIENTS


def test_a_reply_to_a_client_that_left_is_lost_quietly(desk: Desk):
    client, _ = desk.greeted('commander')
    served = next(iter(desk.server._clients.values()))
    client.close()
    desk.turn()
    desk.server.reply(served, Reply(1, True, ''), 0.0)


def test_a_second_side_process_is_refused_and_a_dead_socket_replaced(desk: Desk, tmp_path: Path):
    with pytest.raises(OSError, match='another side process'):
        Server(desk.path, desk.handler, lambda line: None)
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    dead.bind(str(tmp_path / 'dead'))
    dead.close()
    Server(str(tmp_path / 'dead'), desk.handler, lambda line: None).close()


@pytest.mark.parametrize('role', ['commander', 'watcher', 'stranger'])
def test_malformed_packets_end_a_connection_and_nothing_else(desk: Desk, role: str):
    rng = np.random.default_rng(7)
    commander = None if role == 'commander' else desk.greeted('commander')[0]
    for _ in range(bad_packets.COUNT):
        client = desk.connect() if role == 'stranger' else desk.greeted(role)[0]
        client.send(bad_packets.mutated(rng))
        desk.turn(2)
        client.close()
        desk.turn(1)
    if commander is not None:
        assert desk.handler.calls.count('came') == 1
        assert 'left' not in desk.handler.calls
        assert not any(isinstance(call, Twist) for call in desk.handler.calls)
    assert isinstance(desk.greeted('watcher')[1], Welcome)
