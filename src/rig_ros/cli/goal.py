"""`rig_ros goal`: what the robot shall make true, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rig_ros.ros.client import GraphClient
from rig_ros.vision.image import (
    CropRegion,
    Picture,
    check_goal,
    crop_and_resize,
    read_picture,
    write_picture,
)

app = typer.Typer(no_args_is_help=True, add_completion=False,
                  help='Send, capture or clear the goal picture of a running graph.')
console = Console(highlight=False, soft_wrap=True)

Namespace = Annotated[str, typer.Option(help='That the graph was started with.')]
Timeout = Annotated[float, typer.Option(help='How long to wait for the graph [s].')]


def fit(picture: Picture, size: int) -> Picture:
    """Return the centred square of a picture, as the camera node would cut it.

    Raises:
        DataError: when it shows nothing.
    """
    height, width = picture.shape[:2]
    fitted = crop_and_resize(picture, CropRegion.centred_square(width, height), size)
    check_goal(fitted, size)
    return fitted


@app.command()
def send(file: Annotated[Path, typer.Argument(help='PNG or JPEG, taken by the same camera.')],
         namespace: Namespace = '', timeout: Timeout = 10.0) -> None:
    """Make a picture the goal; its centred square is used, in the camera's size."""
    picture = read_picture(file)
    fit(picture, min(picture.shape[:2]))  # refuse a blank picture before asking anybody
    with GraphClient(namespace=namespace) as graph:
        size = graph.camera_picture(timeout).shape[0]
        goal_id = graph.send_goal(fit(picture, size), timeout)
    console.print(f'[green]accepted[/]: {file} is goal {goal_id}')


@app.command()
def capture(file: Annotated[Path, typer.Argument(help='Where to save it.')] = Path('goal.png'),
            send_it: Annotated[bool, typer.Option(
                '--send', help='Make it the goal at once as well.')] = False,
            namespace: Namespace = '', timeout: Timeout = 10.0) -> None:
    """Save what the camera sees now, to be a goal later."""
    with GraphClient(namespace=namespace) as graph:
        picture = graph.camera_picture(timeout)
        check_goal(picture, picture.shape[0])
        write_picture(file, picture)
        console.print(f'saved {file} ({picture.shape[1]}x{picture.shape[0]})')
        if send_it:
            console.print(f'[green]accepted[/]: goal {graph.send_goal(picture, timeout)}')


@app.command()
def clear(namespace: Namespace = '', timeout: Timeout = 10.0) -> None:
    """Drop the goal; the arm stops."""
    with GraphClient(namespace=namespace) as graph:
        graph.clear_goal(timeout)
    console.print('there is no goal now')
