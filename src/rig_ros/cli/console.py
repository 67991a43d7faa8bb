"""`rig_ros console`: the operator's page, served on this machine."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer
from aiohttp import web
from rich.logging import RichHandler

from rig_ros import resources
from rig_ros.cli import web_page
from rig_ros.console import commands
from rig_ros.console.access import Gate, Helm
from rig_ros.console.board import Board
from rig_ros.console.bridge import Bridge
from rig_ros.console.files import Shelf
from rig_ros.console.goals import Goals
from rig_ros.console.library import Library
from rig_ros.console.server import Server
from rig_ros.console.state import GraphState
from rig_ros.console.tray import Tray

app = typer.Typer(add_completion=False)


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
                        handlers=[RichHandler(console=web_page.terminal, show_path=False)])
    token = web_page.token(host, always=require_token)
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
    pages = (web.get('/api/picture/{place:tray|library}/{name}', chosen.picture),
             web.get('/api/report', chosen.report))
    web_page.serve(server.application(*pages), 'Console', host, port, token)
