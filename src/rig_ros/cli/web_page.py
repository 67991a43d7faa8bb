"""What the verbs share that serve a page: its token, its address, and Ctrl-C."""

from __future__ import annotations

import os
import secrets

from aiohttp import web
from rich.console import Console
from rich.markup import escape

from rig_ros.console.access import is_loopback
from rig_ros.errors import ConfigError

TOKEN_VARIABLE = 'RIG_ROS_CONSOLE_TOKEN'
terminal = Console(highlight=False, soft_wrap=True)


def token(host: str, *, always: bool) -> str:
    """Return the token of the environment, a new one where one is needed, or '' for none."""
    given = os.environ.get(TOKEN_VARIABLE, '')
    if not given and (always or not is_loopback(host)):
        return secrets.token_urlsafe(24)
    return given


def serve(application: web.Application, name: str, host: str, port: int, key: str) -> None:
    """Say the address and serve until Ctrl-C.

    Args:
        application: what to serve.
        name: of the page, for the person who reads the address.
        host: address to listen on.
        port: of it.
        key: token that the address carries; '' for none.

    Raises:
        ConfigError: the port is taken.
    """
    shown = 'localhost' if is_loopback(host) else host
    address = f'http://{shown}:{port}/' + (f'#token={key}' if key else '')
    terminal.print(f'{name}: [bold]{escape(address)}[/]  Ctrl-C stops it.')
    try:
        web.run_app(application, host=host, port=port, print=None, access_log=None,
                    shutdown_timeout=1.0)
    except OSError as error:
        raise ConfigError(f'port: got {port}, allowed: a free one ({error.strerror}); choose '
                          'another with --port') from error
