"""The node that makes the policy's picture: from a driver's topic, a device or a video file.

A camera that stops or changes its size is reported as an error and nothing is published; without
pictures nothing moves.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sensor_msgs.msg import Image

from rig_ros.control import task as tasks
from rig_ros.errors import RigError
from rig_ros.hardware import sawyer_camera, sawyer_process
from rig_ros.hardware.background import BackgroundReader
from rig_ros.hardware.camera_controls import CONTROLS, Held
from rig_ros.hardware.cameras import OpenCVCamera, SourceSettings
from rig_ros.ros import topics
from rig_ros.ros.camera_info import intrinsics_to_info
from rig_ros.ros.conversions import array_to_image, image_to_array, stamp_ns, to_stamp
from rig_ros.ros.diagnostics import Level
from rig_ros.ros.lifecycle import RigNode
from rig_ros.ros.parameters import CommonParameters, param
from rig_ros.ros.runner import run
from rig_ros.settings import require
from rig_ros.vision.camera_stream import CameraStream
from rig_ros.vision.image import Intrinsics, Picture

POLL_S = 0.004
WATCH_S = 0.1
LOCKSTEP_PATIENCE = 4.0
"""Factor on the allowed silence where time is simulated: pictures come when the graph asks."""


@dataclass(frozen=True)
class CameraParameters(CommonParameters):
    """The camera's parameters."""

    source: str = param('topic', 'topic (a driver publishes camera/image_raw), a device '
                                 '(/dev/video0 or 0), a video file, or one of the arm: '
                                 'head_camera or right_hand_camera.')
    arm_socket: str = param('arm', "Of the arm's side process: a path, or a name in the runtime "
                                   'directory of this user.')
    control_hz: float = param(0.0, "Pictures per second [Hz]; 0 for the task's.",
                              low=0.0, high=60.0)
    crop: tuple[int, ...] = param((), 'Used part of the source [x, y, width, height] [px]; empty '
                                      'for the centred square.', low=0)
    calibration: tuple[float, ...] = param((), "The source's fx, fy, cx, cy [px]; empty for an "
                                               "ideal camera with the task's field of view.")
    device_width: int = param(640, 'Asked of a device [px].', low=16, high=8192)
    device_height: int = param(480, 'Asked of a device [px].', low=16, high=8192)
    device_hz: float = param(30.0, 'Asked of a device [Hz].', low=1.0, high=240.0)
    exposure: float = param(-1.0, "A device's fixed value, in its own units; -1: not touched.",
                            low=-1.0)
    gain: float = param(-1.0, 'As exposure.', low=-1.0)
    white_balance: float = param(-1.0, 'As exposure; most devices: kelvin.', low=-1.0)
    focus: float = param(-1.0, 'As exposure.', low=-1.0)
    reliable: bool = param(False, 'Ask the driver on camera/image_raw for every picture; it must '
                                  'offer reliable delivery.')
    repeat: bool = param(False, 'Start a video file again at its end.')
    silent_s: float = param(0.5, 'Without a picture for this long the camera counts as stopped '
                                 '[s].', low=0.1, high=10.0)
    frame_id: str = param('camera_optical_frame', 'Frame of the pictures.')

    def __post_init__(self) -> None:
        require(len(self.calibration) in (0, 4), 'calibration', self.calibration,
                '[fx, fy, cx, cy] or []')
        require(len(self.crop) in (0, 4), 'crop', self.crop, '[x, y, width, height] or []')


class CameraNode(RigNode):
    """Wires `CameraStream` to a source and to the graph."""

    NAME = 'camera'
    PARAMETERS = CameraParameters
    settings: CameraParameters

    def configure(self) -> None:
        """Open the source and wire."""
        settings, task = self.settings, tasks.load(self.settings.task)
        self._fovy_deg = task.camera.fovy_deg
        self._reader: BackgroundReader | None = None
        self._held: list[Held] = []
        self._stream = CameraStream(task.image_size, settings.control_hz or task.control_hz,
                                    settings.crop)
        self._intrinsics: Intrinsics | None = None
        simulated = bool(self.get_parameter('use_sim_time').value)
        self._silent_s = settings.silent_s * (LOCKSTEP_PATIENCE if simulated else 1.0)
        self._seen_s = time.monotonic()
        self._image = self.publish_on(topics.CAMERA_IMAGE)
        self._info = self.publish_on(topics.CAMERA_INFO)
        if settings.source == 'topic':
            self.listen(topics.CAMERA_RAW, self._on_raw,
                        role='record' if settings.reliable else 'live')
        else:
            self._open(settings)
            self.every(POLL_S, self._poll)
        self.every(WATCH_S, self._watch)

    def _open(self, settings: CameraParameters) -> None:
        if settings.source in sawyer_camera.NAMES:
            path = sawyer_camera.picture_path(sawyer_process.socket_path(settings.arm_socket))
            self._reader = BackgroundReader(lambda: sawyer_camera.ArmCamera(path), paced=False)
            return
        source = SourceSettings(settings.source, settings.device_width, settings.device_height,
                                settings.device_hz, settings.repeat,
                                {name: getattr(settings, name) for name in CONTROLS})

        def open_camera() -> OpenCVCamera:
            camera = OpenCVCamera(source)
            self._held = camera.held
            return camera

        self._reader = BackgroundReader(open_camera, paced=source.device is None)

    def activate(self) -> None:
        """Give the source its time to deliver."""
        self._seen_s = time.monotonic()

    def cleanup(self) -> None:
        """Close the source."""
        reader: BackgroundReader | None = getattr(self, '_reader', None)
        if reader is not None:
            reader.close()
        self._reader = None

    def _on_raw(self, message: Image) -> None:
        stamp = stamp_ns(message.header.stamp)
        if self._stream.is_due(stamp):
            self._publish(image_to_array(message), stamp, message.header.frame_id)
        else:
            self._seen_s = time.monotonic()

    def _poll(self) -> None:
        newest = self._reader.take() if self._reader else None
        if newest is None:
            return
        picture, stamp = newest
        try:
            if self._stream.is_due(stamp):
                self._publish(picture, stamp, '')
            else:
                self._seen_s = time.monotonic()
        except RigError as error:
            self.report(Level.ERROR, str(error), part='picture')
        else:
            self.report(Level.OK, 'accepted', part='picture')

    def _publish(self, picture: Picture, stamp: int, frame_id: str) -> None:
        """Publish the policy's picture; a picture that is refused does not count as seen."""
        made = self._stream.make(picture, stamp)
        frame_id = frame_id or self.settings.frame_id
        self._seen_s = time.monotonic()
        self._image.publish(array_to_image(made, to_stamp(stamp), frame_id))
        if self._intrinsics is None:
            self._intrinsics = self._stream.intrinsics(self.settings.calibration, self._fovy_deg)
            if self._intrinsics is not None:
                self._info.publish(intrinsics_to_info(self._intrinsics, to_stamp(stamp),
                                                      frame_id))

    def _watch(self) -> None:
        silent_s = time.monotonic() - self._seen_s
        if silent_s <= self._silent_s:
            self.report(Level.OK, 'pictures arrive', part='source')
        elif self.board.level('source') is not Level.ERROR:
            why = self._reader.problem if self._reader else ''
            self.report(Level.ERROR, why or f'no usable picture for {silent_s:.1f} s; check '
                        f'the camera ({self.settings.source})', part='source')
        self._tell_of_controls()

    def _tell_of_controls(self) -> None:
        """Name what the device does not keep as it was told."""
        lost = [held for held in self._held if not held.ok]
        if lost:
            self.report(Level.WARN, '; '.join(
                f'{held.name}: told {held.wanted:g}, the device has {held.found:g}'
                + ('' if held.manual else ' and adjusts it by itself') for held in lost)
                + '; run rig_ros camera', part='controls')
        elif self._held:
            self.report(Level.OK, 'fixed', part='controls')


def main() -> None:
    """Run the node."""
    run(CameraNode)


if __name__ == '__main__':
    main()
