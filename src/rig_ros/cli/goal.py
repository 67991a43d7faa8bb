"""`rig_ros goal`: what the robot shall make true, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rig_ros.errors import HardwareError
from rig_ros.ros import topics
from rig_ros.ros.client import GraphClient
from rig_ros.ros.conversions import stamp_ns
from rig_ros.vision.image import (
    CropRegion,
    Picture,
    check_goal,
    crop_and_resize,
    read_picture,
    write_picture,
)

app = typer.Typer(no_args_is_help=True, add_completion=False,
                  help='Send, capture, imagine or clear the goal picture of a running graph.')
console = Console(highlight=False, soft_wrap=True)

Namespace = Annotated[str, typer.Option(help='That the graph was started with.')]
Timeout = Annotated[float, typer.Option(help='How long to wait for the graph [s].')]
Wait = Annotated[bool, typer.Option('--wait', help='Return when its episode has ended.')]
EPISODE_S = 120.0
"""Longest wait for the end of an episode [s]."""


def fit(picture: Picture, size: int) -> Picture:
    """Return the centred square of a picture, as the camera node would cut it.

    Raises:
        DataError: when it shows nothing.
    """
    height, width = picture.shape[:2]
    fitted = crop_and_resize(picture, CropRegion.centred_square(width, height), size)
    check_goal(fitted, size)
    return fitted


def see_through(graph: GraphClient, goal_id: int) -> None:
    """Wait for the end of a goal's episode.

    Raises:
        HardwareError: the episode was aborted, or did not end in time.
    """
    while True:
        event = graph.wait_event('end', 'abort', timeout_s=EPISODE_S)
        if event.get('goal_id') == str(goal_id):
            break
    if event['kind'] == 'abort':
        raise HardwareError(f'goal {goal_id}: the episode was aborted: {event.get("reason")}')
    console.print(f'its episode ended after {event.get("steps")} steps')


@app.command()
def send(file: Annotated[Path, typer.Argument(help='PNG or JPEG, taken by the same camera.')],
         namespace: Namespace = '', timeout: Timeout = 10.0, wait: Wait = False) -> None:
    """Make a picture the goal; its centred square is used, in the camera's size."""
    picture = read_picture(file)
    fit(picture, min(picture.shape[:2]))  # refuse a blank picture before asking anybody
    with GraphClient(namespace=namespace) as graph:
        size = graph.camera_picture(timeout).shape[0]
        goal_id = graph.send_goal(fit(picture, size), timeout)
        console.print(f'[green]accepted[/]: {file} is goal {goal_id}')
        if wait:
            see_through(graph, goal_id)


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
def imagine(namespace: Namespace = '', timeout: Timeout = 10.0, wait: Wait = False) -> None:
    """Let the model imagine a goal, and make it the goal at once."""
    with GraphClient(namespace=namespace) as graph:
        console.print(f'[green]accepted[/]: {graph.call(topics.GOAL_IMAGINE, timeout)}')
        if wait:
            see_through(graph, stamp_ns(graph.take(topics.GOAL_LATENT, timeout).header.stamp))


@app.command()
def clear(namespace: Namespace = '', timeout: Timeout = 10.0) -> None:
    """Drop the goal; the arm stops."""
    with GraphClient(namespace=namespace) as graph:
        graph.clear_goal(timeout)
    console.print('there is no goal now')
