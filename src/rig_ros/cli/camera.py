"""`rig_ros camera`: set a camera up: crop, the view it had before, fixed exposure and colours.

On a page in the browser, in a window (`--window`), or as a check without either (`--check`). The
source is opened here; end what else uses it first.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rig_ros.cli.findings import Finding, Words, report
from rig_ros.errors import HardwareError

if TYPE_CHECKING:
    from rig_ros.hardware.background import BackgroundReader
    from rig_ros.hardware.camera_setup import CameraSetup, Check

app = typer.Typer(add_completion=False)
NODE = 'camera'
START_S = 10.0
POLL_S = 0.01
WORDS = Words(wrong='wrong ', note='note', fit='the camera stays as it is',
              unfit='pictures will not mean the same tomorrow', name_width=14)


@app.command()
def camera(
        source: Annotated[str, typer.Option(
            help="A device (0, /dev/video0), a video file, 'topic', or of the arm 'head_camera' "
                 "or 'right_hand_camera'.")] = '0',
        topic: Annotated[str, typer.Option(
            help='Of the driver, with --source topic.')] = 'camera/image_raw',
        params_file: Annotated[Path, typer.Option(
            help='Parameter file to write; begins as the shipped one when it is not there.')]
        = Path('nodes.yaml'),
        reference: Annotated[Path | None, typer.Option(
            help='Reference picture; beside the parameter file if not given.')] = None,
        task: Annotated[str, typer.Option(help='Its picture size is used.')] = 'reach_xy',
        width: Annotated[int, typer.Option(help='Asked of a device [px]; 0: as in the file.')] = 0,
        height: Annotated[int, typer.Option(help='As --width.')] = 0,
        window: Annotated[bool, typer.Option(
            '--window', help='In a window of OpenCV instead of a page.')] = False,
        check: Annotated[bool, typer.Option(
            '--check', help='Only fix, watch and compare; exit code 1 when it does not hold.')]
        = False,
        host: Annotated[str, typer.Option(
            help='Address to listen on; beyond loopback a token is needed.')] = '127.0.0.1',
        port: Annotated[int, typer.Option(min=1, max=65535)] = 8081,
        allow_host: Annotated[list[str] | None, typer.Option(
            help='Name by which browsers call this machine; may be repeated.')] = None,
        socket: Annotated[str, typer.Option(help="Of the arm's side process.")] = 'arm',
        namespace: Annotated[str, typer.Option(
            help='That the driver was started with.')] = '',
        json_file: Annotated[Path | None, typer.Option(
            '--json', help='With --check: write the findings here.')] = None) -> None:
    """Drag the crop, put a camera back where it was, fix exposure and colours."""
    from rig_ros.bringup import parameter_file
    from rig_ros.control import task as tasks
    from rig_ros.hardware.camera_setup import CameraSetup

    size = tasks.load(task).image_size
    known = parameter_file.read(params_file, NODE)
    if width and height:
        known.update(device_width=width, device_height=height)

    def save(values: Mapping[str, Any]) -> None:
        asked: dict[str, Any] = {name: known[name] for name in ('device_width', 'device_height')
                                 if name in known}
        parameter_file.write(params_file, NODE, {**values, **asked})

    setup = CameraSetup(
        _reader(source, topic, namespace, socket, known), size, known.get('crop') or (),
        reference or params_file.with_name(f'{params_file.stem}-view.png'), save)
    try:
        if check:
            report(_check(setup), WORDS, json_file)
        elif window:
            from rig_ros.cli import camera_window
            camera_window.show(setup, source)
        else:
            from rig_ros.cli import web_page
            from rig_ros.console.access import Gate
            from rig_ros.console.camera_page import CameraPage

            key = web_page.token(host, always=False)
            page = CameraPage(Gate(host, key, allow_host or ()), setup, source, str(params_file),
                              size, lambda found: [dataclasses.asdict(f) for f in told(
                                  found, setup.reference is not None)])
            web_page.serve(page.application(), 'Camera', host, port, key)
    finally:
        setup.close()


def _reader(source: str, topic: str, namespace: str, socket: str,
            known: dict[str, object]) -> BackgroundReader:
    """Return the source's reader, opened as the camera node opens it."""
    from rig_ros.hardware import sawyer_camera, sawyer_process
    from rig_ros.hardware.background import BackgroundReader
    from rig_ros.hardware.camera_controls import CONTROLS
    from rig_ros.hardware.cameras import OpenCVCamera, SourceSettings

    if source == 'topic':
        from rig_ros.ros.picture_source import TopicPictures
        return BackgroundReader(lambda: TopicPictures(topic, namespace), paced=False)
    if source in sawyer_camera.NAMES:
        path = sawyer_camera.picture_path(sawyer_process.socket_path(socket))
        return BackgroundReader(lambda: sawyer_camera.ArmCamera(path), paced=False)
    defaults = SourceSettings(source)
    chosen = SourceSettings(
        source, int(str(known.get('device_width', defaults.width))),
        int(str(known.get('device_height', defaults.height))), repeat=True,
        held={name: float(str(known[name])) for name in CONTROLS if name in known})
    return BackgroundReader(functools.partial(OpenCVCamera, chosen), paced=chosen.device is None)


def _check(setup: CameraSetup) -> Iterator[Finding]:
    deadline = time.monotonic() + START_S
    while not setup.poll():
        if time.monotonic() > deadline:
            raise HardwareError(f'camera: no picture within {START_S:.0f} s; '
                                f'{setup.problem or "check the cable"}')
        time.sleep(POLL_S)
    setup.fix()
    while not setup.watched:
        setup.poll()
        time.sleep(POLL_S)
    yield from told(setup.finish_check(), setup.reference is not None)


def told(found: Check, compared: bool = False) -> Iterator[Finding]:
    """Put a check into words.

    Args:
        found: what came of it.
        compared: whether there is a reference.
    """
    from rig_ros.vision import steadiness as limits

    for held in found.held:
        yield Finding(held.name, held.ok, f'fixed at {held.found:g}' if held.ok else
                      f'told {held.wanted:g}, has {held.found:g}'
                      + ('' if held.manual else ', and adjusts it by itself'),
                      "set it with the camera's own software (v4l2-ctl), or use another camera")
    if not found.held:
        yield Finding('controls', False, 'this source has none here',
                      'fix exposure, gain, white balance and focus in its driver',
                      essential=False)
    seen = found.steadiness
    yield Finding('light', limits.DARK <= seen.brightness <= limits.GLARING,
                  f'mean brightness {seen.brightness:.0f} of 255',
                  f'allowed: {limits.DARK:.0f} to {limits.GLARING:.0f}; change lamp, aperture or '
                  'exposure, then fix again', essential=False)
    for name, value, allowed, remedy in (
            ('brightness', seen.brightness_drift, limits.BRIGHTNESS,
             'exposure or gain is still automatic, or the light changes'),
            ('colour', seen.colour_drift, limits.COLOUR,
             'white balance is still automatic, or the light changes'),
            ('flicker', seen.flicker, limits.FLICKER,
             'lamps on mains: make the exposure a multiple of 10 ms (50 Hz) or 8.3 ms (60 Hz)')):
        yield Finding(name, value <= allowed, f'{100 * value:.1f} % in {seen.pictures} pictures',
                      f'allowed: {100 * allowed:.0f} %; {remedy}')
    if found.movement is not None:
        yield Finding('view', found.movement.same, f'against the reference: {found.movement.text}',
                      'turn the camera back with rig_ros camera (blend, difference)')
    elif compared:
        yield Finding('view', False, 'cannot be told: too little in it stands out',
                      'compare by eye with rig_ros camera (blend, difference)', essential=False)
