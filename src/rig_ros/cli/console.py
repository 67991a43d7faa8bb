"""`rig_ros console`: the operator's page, served on this machine."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path
from typing import Annotated

import typer
from aiohttp import web
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape

from rig_ros import resources
from rig_ros.console import commands
from rig_ros.console.access import Gate, Helm, is_loopback
from rig_ros.console.board import Board
from rig_ros.console.bridge import Bridge
from rig_ros.console.files import Shelf
from rig_ros.console.goals import Goals
from rig_ros.console.library import Library
from rig_ros.console.server import Server
from rig_ros.console.state import GraphState
from rig_ros.console.tray import Tray
from rig_ros.errors import ConfigError

app = typer.Typer(add_completion=False)
terminal = Console(highlight=False, soft_wrap=True)
TOKEN_VARIABLE = 'RIG_ROS_CONSOLE_TOKEN'


@app.command(help="Serve the operator's page of a running graph. Ctrl-C stops it.")
def console(
        host: Annotated[str, typer.Option(
            help='Address to listen on; beyond loopback a token is needed.')] = '127.0.0.1',
        port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
        allow_host: Annotated[list[str] | None, typer.Option(
            help='Name by which browsers call this machine; may be repeated.')] = None,
        require_token: Annotated[bool, typer.Option(
            '--require-token', help='Ask for the token on loopback too.')] = False,
        rate: Annotated[float, typer.Option(
            min=0.5, max=30.0, help='Pictures per second on the page [Hz].')] = 10.0,
        namespace: Annotated[str, typer.Option(
            help='That the graph was started with.')] = '',
        goals: Annotated[Path, typer.Option(help='Folder of the goal library.')] = Path('goals'),
        runs: Annotated[Path, typer.Option(
            help='Folder of runs: models and recordings to choose from.')] = Path('runs')) -> None:
    """Serve until Ctrl-C; see the module."""
    logging.basicConfig(level=logging.WARNING, format='%(message)s',
                        handlers=[RichHandler(console=terminal, show_path=False)])
    token = os.environ.get(TOKEN_VARIABLE, '')
    if not token and (require_token or not is_loopback(host)):
        token = secrets.token_urlsafe(24)
    board, helm = Board(), Helm()
    state = GraphState(board)
    bridge = Bridge(state.take, rate, namespace)
    server = Server(Gate(host, token, allow_host or ()), board, state, helm,
                    commands.of_graph(bridge))
    shelf = Shelf([runs, resources.find('models')])
    chosen = Goals(bridge, state, Tray(board), Library(goals), shelf, runs)
    server.commands.update({**chosen.commands(), **commands.of_models(bridge, shelf)})
    server.take_upload = chosen.upload
    server.background += [bridge.run, chosen.tend]
    shown = 'localhost' if is_loopback(host) else host
    address = f'http://{shown}:{port}/' + (f'#token={token}' if token else '')
    terminal.print(f'Console: [bold]{escape(address)}[/]  Ctrl-C stops it.')
    try:
        pages = (web.get('/api/picture/{place:tray|library}/{name}', chosen.picture),
                 web.get('/api/report', chosen.report))
        web.run_app(server.application(*pages), host=host, port=port, print=None,
                    access_log=None, shutdown_timeout=1.0)
    except OSError as error:
        raise ConfigError(f'port: got {port}, allowed: a free one ({error.strerror}); choose '
                          'another with --port') from error
