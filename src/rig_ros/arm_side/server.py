"""The socket: who is connected, who commands, what arrived. Never blocks or raises for a client.

One commander at a time; its lease is its connection. A client that breaks a rule is told why and
closed. Standard library only; see protocol.py for the packets and README.md for their meaning.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
from typing import TYPE_CHECKING, Any

from .protocol import (
    MAX_PACKET,
    PROTO,
    Hello,
    PacketError,
    Refused,
    Request,
    Twist,
    encode,
    parse_command,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .protocol import Reply, State, Welcome

MAX_CLIENTS = 16
PACKETS_PER_TURN = 50
"""A client that floods waits for the next turn of the loop."""
HELLO_S = 1.0
"""A connection that has not said hello for so long is closed [s]."""
DEAF_S = 1.0
"""A client that takes no packet for so long is closed [s]."""


class Client:
    """One connection."""

    def __init__(self, connection: socket.socket, now: float) -> None:
        self.connection = connection
        self.since = now
        self.hello: Hello | None = None
        self.deaf_since: float | None = None

    @property
    def label(self) -> str:
        """Name and role, for the log."""
        return 'a stranger' if self.hello is None else f'{self.hello.role} {self.hello.name}'


class Server:
    """Listens, and hands over what clients send."""

    def __init__(self, path: str, handler: Any, log: Callable[[str], None],
                 user: int | None = None) -> None:
        """Open the socket.

        Args:
            path: of the socket; a dead one left there is replaced.
            handler: has `welcome(role)`, `twist(packet)`, `request(client, packet)`,
                `commander_came()` and `commander_left(why)`.
            log: takes one line.
            user: numeric id of another user who may connect, beside this process's own.

        Raises:
            OSError: another process serves this path, or the folder is missing.
        """
        self._path, self._handler, self._log = path, handler, log
        self._users = {os.getuid()} | ({user} if user is not None else set())
        self._clients: dict[int, Client] = {}
        self._commander: Client | None = None
        _remove_dead(path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mask = os.umask(0o177)  # from the first moment nobody else can connect
        try:
            self._listener.bind(path)
        finally:
            os.umask(mask)
        if user is not None and user != os.getuid():
            os.chown(path, user, -1)
        self._listener.listen(MAX_CLIENTS)
        self._listener.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self._listener, selectors.EVENT_READ, self._accept)

    @property
    def commander(self) -> Client | None:
        """Who has the lease."""
        return self._commander

    def turn(self, timeout: float, now: Callable[[], float]) -> None:
        """Wait for something to happen, at most `timeout` seconds, and deal with it."""
        for key, _ in self.selector.select(max(timeout, 0.0)):
            key.data(now())
        for client in list(self._clients.values()):
            if client.hello is None and now() - client.since > HELLO_S:
                self._close(client, 'said no hello')
            elif client.deaf_since is not None and now() - client.deaf_since > DEAF_S:
                self._close(client, 'takes no packets')

    def broadcast(self, state: State, now: float) -> None:
        """Send a state to every client that said hello; skip those that are slow."""
        packet = encode(state)
        for client in list(self._clients.values()):
            if client.hello is not None:
                self._send(client, packet, now)

    def reply(self, client: Client, reply: Reply, now: float) -> None:
        """Send the outcome of a request, if the client is still there."""
        if client in self._clients.values():
            self._send(client, encode(reply), now)

    def close(self) -> None:
        """Close everything and remove the socket."""
        for client in list(self._clients.values()):
            self._close(client, 'the side process ends')
        self.selector.close()
        self._listener.close()
        if os.path.exists(self._path):
            os.unlink(self._path)

    def _accept(self, now: float) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        client = Client(connection, now)
        self._clients[connection.fileno()] = client
        self.selector.register(connection, selectors.EVENT_READ,
                               lambda now: self._receive(client, now))
        if _peer_user(connection) not in self._users:
            self._refuse(client, 'another user; start the side process with --user', now)
        elif len(self._clients) > MAX_CLIENTS:
            self._refuse(client, f'{MAX_CLIENTS} clients are connected already', now)

    def _receive(self, client: Client, now: float) -> None:
        """Take what a client sent: requests in order, of the twists the newest.

        The newest zero among them counts too: it is what lets a motion begin.
        """
        newest: Twist | None = None
        zero: Twist | None = None
        for _ in range(PACKETS_PER_TURN):
            try:
                packet = client.connection.recv(MAX_PACKET + 1)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:  # also ECONNRESET: killed with packets unread
                self._close(client, str(error))
                return
            if not packet:
                self._close(client, 'closed')
                return
            try:
                command = parse_command(packet)
            except PacketError as error:
                self._refuse(client, str(error), now)
                return
            if isinstance(command, Hello):
                if not self._greet(client, command, now):
                    return
            elif client.hello is None:
                self._refuse(client, 'hello must be the first packet', now)
                return
            elif isinstance(command, Request):
                if client is not self._commander and command.name != 'stop':
                    self._refuse(client, 'a watcher may only request stop', now)
                    return
                self._handler.request(client, command)
            elif client is not self._commander:
                self._refuse(client, 'a watcher may not send twists', now)
                return
            else:
                newest = command
                zero = zero if any(command.velocity) else command
        if zero is not None and zero is not newest:
            self._handler.twist(zero)
        if newest is not None:
            self._handler.twist(newest)

    def _greet(self, client: Client, hello: Hello, now: float) -> bool:
        if client.hello is not None:
            self._refuse(client, 'a second hello', now)
        elif hello.proto != PROTO:
            self._refuse(client, f'proto: got {hello.proto}, allowed: {PROTO}; install the same '
                                 'version of rig_ros at both ends', now)
        elif hello.role == 'commander' and self._commander is not None:
            self._refuse(client, f'{self._commander.label} has the lease; end it first', now)
        else:
            client.hello = hello
            if hello.role == 'commander':
                self._commander = client
                self._handler.commander_came()
            self._log(f'{client.label} connected')
            welcome: Welcome = self._handler.welcome(hello.role)
            self._send(client, encode(welcome), now)
            return True
        return False

    def _send(self, client: Client, packet: bytes, now: float) -> None:
        try:
            client.connection.send(packet, socket.MSG_NOSIGNAL)
            client.deaf_since = None
        except (BlockingIOError, InterruptedError):
            client.deaf_since = now if client.deaf_since is None else client.deaf_since
        except OSError as error:
            self._close(client, str(error))

    def _refuse(self, client: Client, reason: str, now: float) -> None:
        self._send(client, encode(Refused(reason)), now)
        self._close(client, 'refused: ' + reason)

    def _close(self, client: Client, why: str) -> None:
        if self._clients.pop(client.connection.fileno(), None) is None:
            return
        self.selector.unregister(client.connection)
        client.connection.close()
        self._log(f'{client.label} left: {why}')
        if client is self._commander:
            self._commander = None
            self._handler.commander_left(why)


def _peer_user(connection: socket.socket) -> int:
    """Return the user id at the other end."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize('3i'))
    return int(struct.unpack('3i', raw)[1])


def _remove_dead(path: str) -> None:
    """Remove a socket that nobody serves.

    Raises:
        OSError: somebody serves it, or there is something else at that path.
    """
    if not os.path.lexists(path):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise OSError(f'{path}: another side process serves this socket; end it or choose another')
