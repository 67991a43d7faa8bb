"""Who may look, and who may command: hosts, origins, the token, the one operator.

- A request must name a host of ours: a foreign name that resolves here is refused (DNS rebinding).
- Whatever changes something, and the live stream, must come from a page of ours (Origin).
- Beyond this machine a token is needed; it becomes a cookie that scripts cannot read.
- One viewer holds control, the others watch. The e-stop can be tripped by all who may look.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from rig_ros.errors import ConfigError, RigError

GRACE_S = 8.0
"""How long control waits for an operator whose connection broke."""
MIN_TOKEN = 16
SESSION_S = 12 * 3600.0
MAX_SESSIONS = 64


class AccessError(RigError):
    """Raised when somebody may not do what they asked."""


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == 'localhost':
        return True
    try:
        return ipaddress.ip_address(host.strip('[]')).is_loopback
    except ValueError:
        return False


def _host_of(netloc: str) -> str:
    try:
        return (urlsplit(f'//{netloc}').hostname or '').lower()
    except ValueError:
        return ''


class Gate:
    """Decides by the heads of requests; see the module."""

    def __init__(self, host: str, token: str = '', allowed_hosts: Iterable[str] = (),
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Set the rules.

        Args:
            host: address the server listens on.
            token: that viewers must know; '' for none, which only loopback allows.
            allowed_hosts: names by which the server may be called, beside the usual.
            clock: seconds.

        Raises:
            ConfigError: no token, or a short one, beyond loopback.
        """
        if not token and not is_loopback(host):
            raise ConfigError(f'token: got none for host {host!r}, allowed: one of at least '
                              f'{MIN_TOKEN} characters; set RIG_ROS_CONSOLE_TOKEN')
        if token and len(token) < MIN_TOKEN:
            raise ConfigError(f'token: got {len(token)} characters, allowed: at least '
                              f'{MIN_TOKEN}; rig_ros console makes one when none is given')
        self._token = token
        names = {'localhost', *(h.lower() for h in allowed_hosts)}
        if not is_loopback(host):
            names |= {socket.gethostname().lower(), host.lower()}
        self._names = names
        self._loopback_only = is_loopback(host)
        self._sessions: dict[str, float] = {}
        self._clock = clock

    @property
    def needs_token(self) -> bool:
        """Whether viewers must know the token."""
        return bool(self._token)

    def check_host(self, netloc: str) -> None:
        """Raise unless a Host header names this server.

        Raises:
            AccessError: it does not.
        """
        name = _host_of(netloc)
        try:
            address = ipaddress.ip_address(name)
            known = address.is_loopback or not self._loopback_only
        except ValueError:
            known = name in self._names
        if not known:
            raise AccessError(f'host: got {netloc!r}, allowed: {sorted(self._names)} or an '
                              'address; start with --allow-host NAME if that is this machine')

    def check_origin(self, origin: str | None, netloc: str) -> None:
        """Raise unless a request comes from a page that this server served.

        Raises:
            AccessError: it comes from elsewhere, or does not say from where.
        """
        expected = {f'http://{netloc}', f'https://{netloc}'}
        if origin is None or origin.lower() not in {e.lower() for e in expected}:
            raise AccessError(f'origin: got {origin!r}, allowed: {sorted(expected)}; use the '
                              "console's own page")

    def log_in(self, token: str) -> str:
        """Return a session for those who know the token.

        Raises:
            AccessError: it is another.
        """
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            raise AccessError('token: not the right one; it is in the line that rig_ros console '
                              'printed when it started')
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        session = secrets.token_urlsafe(32)
        self._sessions[session] = self._clock() + SESSION_S
        return session

    def check_session(self, session: str | None) -> None:
        """Raise unless no token is needed or the session is known.

        Raises:
            AccessError: log in first.
        """
        ends_s = self._sessions.get(session or '')
        if self.needs_token and (ends_s is None or self._clock() > ends_s):
            raise AccessError('session: none, or it has ended; open the address with its token')


class Helm:
    """Who holds control. Viewers are known by a secret key of their page."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._key = ''
        self._lost_s: float | None = None
        self._streams: Counter[str] = Counter()
        self.name = ''
        """Of the operator, '' for none."""

    def take(self, key: str, name: str) -> None:
        """Give control to a viewer, if nobody else holds it.

        Raises:
            AccessError: somebody does.
        """
        if self.holder not in ('', key):
            raise AccessError(f'control: {self.name} holds it, allowed: one operator; ask '
                              f'{self.name} to release control')
        self._key, self.name, self._lost_s = key, name, None

    @property
    def holder(self) -> str:
        """Key of the operator; '' when nobody is, or has been away too long."""
        if self._lost_s is not None and self._clock() - self._lost_s > GRACE_S:
            self._key, self.name, self._lost_s = '', '', None
        return self._key

    def release(self, key: str) -> None:
        """Give up control; nothing happens when it was not held."""
        if key == self._key:
            self._key, self.name, self._lost_s = '', '', None

    def joined(self, key: str) -> None:
        """A stream of a viewer began; an operator who comes back goes on."""
        self._streams[key] += 1
        if key and key == self.holder:
            self._lost_s = None

    def left(self, key: str) -> None:
        """A stream of a viewer ended; an operator without another may come back soon."""
        self._streams[key] -= 1
        if self._streams[key] > 0:  # on a dead line the old one ends after the new one began
            return
        del self._streams[key]
        if key and key == self._key:
            self._lost_s = self._clock()

    def check(self, key: str) -> None:
        """Raise unless this viewer holds control.

        Raises:
            AccessError: somebody else does, or nobody.
        """
        if key and key == self.holder:
            return
        if self.holder:
            raise AccessError(f'control: {self.name} holds it; you can watch, and trip the '
                              'e-stop')
        raise AccessError('control: nobody holds it; press Take control first')
