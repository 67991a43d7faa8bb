"""What `rig_ros view` shows in Rerun, drawn from the bytes that went over the wire.

The bytes are decoded by the same functions as training's. Lengths in metres, velocities in m/s,
frame `base`; the time line is the header stamps'.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rerun as rr
import rerun.blueprint as rrb
from numpy.typing import NDArray

from rig_ros.control import task as tasks
from rig_ros.episodes import messages, schema

ORANGE, BLUE, GREY = (230, 159, 0), (0, 114, 178), (150, 150, 150)


def open_stream(save: Path | None) -> Any:
    """Return a stream to the viewer, which is opened, or to a file."""
    stream = rr.RecordingStream('rig_ros')
    if save is None:
        stream.spawn(default_blueprint=arrangement())
    else:
        stream.save(save, default_blueprint=arrangement())
    return stream


def arrangement() -> Any:
    """Return where things stand on the screen."""
    return rrb.Blueprint(rrb.Horizontal(
        rrb.Vertical(rrb.Spatial2DView(origin='camera', name='Camera'),
                     rrb.Spatial2DView(origin='goal', name='Goal')),
        rrb.Spatial3DView(origin='scene', name='Workspace'),
        rrb.Vertical(rrb.TimeSeriesView(origin='latent/distance', name='Distance to the goal'),
                     rrb.TimeSeriesView(origin='latent/mean', name='Latent'),
                     rrb.TimeSeriesView(origin='velocity', name='Velocity [m/s]'),
                     rrb.TextLogView(origin='episode', name='Episode'))))


class Drawing:
    """Takes recorded or received messages by topic and logs what they show."""

    def __init__(self, stream: Any) -> None:
        """Draw on a Rerun stream."""
        self._stream = stream
        self._task = ''
        self._stamped = False
        self._goal: NDArray[np.float32] | None = None
        self._hand: NDArray[np.float64] | None = None
        self.pictures = 0
        self.takers = {
            schema.IMAGE: self._on_picture, schema.LATENT: self._on_latent,
            schema.GOAL_PREVIEW: self._on_preview, schema.GOAL_LATENT: self._on_goal,
            schema.POLICY_COMMAND: lambda cdr: self._on_twist('requested', ORANGE, cdr),
            schema.COMMAND: lambda cdr: self._on_twist('allowed', BLUE, cdr),
            schema.EE_POSE: self._on_pose, schema.EVENTS: self._on_events}

    def take(self, name: str, cdr: bytes) -> None:
        """Show one message; topics that show nothing are left out.

        Raises:
            DataError: it is not a message of its topic.
        """
        if name in self.takers:
            self.takers[name](cdr)

    def _at(self, stamp_ns: int) -> None:
        self._stamped = True
        self._stream.set_time('stamp', timestamp=1e-9 * stamp_ns)

    def _on_picture(self, cdr: bytes) -> None:
        stamp_ns, picture = messages.decode_image(cdr)
        self._at(stamp_ns)
        self._stream.log('camera', rr.Image(picture))
        self.pictures += 1

    def _on_preview(self, cdr: bytes) -> None:
        stamp_ns, picture = messages.decode_image(cdr)
        if not self._stamped:  # later, a goal appears when it is heard of, not when it was made
            self._at(stamp_ns)
        self._stream.log('goal', rr.Image(picture))

    def _on_latent(self, cdr: bytes) -> None:
        mean = messages.decode_latent(cdr)
        if mean is None:
            return
        self._at(messages.header_stamp_ns(cdr))
        self._stream.log('latent/mean', rr.Scalars(mean))
        if self._goal is not None and self._goal.shape == mean.shape:
            self._stream.log('latent/distance',
                             rr.Scalars([float(np.linalg.norm(mean - self._goal))]))

    def _on_goal(self, cdr: bytes) -> None:
        self._goal = messages.decode_latent(cdr)

    def _on_twist(self, name: str, colour: tuple[int, int, int], cdr: bytes) -> None:
        twist = messages.decode_twist(cdr)
        self._at(twist.stamp_ns)
        self._stream.log(f'velocity/{name}', rr.Scalars(twist.velocity))
        if self._hand is not None:
            self._stream.log(f'scene/{name}', rr.Arrows3D(
                origins=[self._hand], vectors=[0.5 * twist.velocity], colors=[colour]))

    def _on_pose(self, cdr: bytes) -> None:
        stamp_ns, self._hand = messages.decode_position(cdr)
        self._at(stamp_ns)
        self._stream.log('scene/hand', rr.Points3D([self._hand], radii=0.008, colors=[BLUE]))

    def _on_events(self, cdr: bytes) -> None:
        for event in messages.decode_events(cdr):
            self._at(event.stamp_ns)
            self._stream.log('episode', rr.TextLog(
                f'{event.kind} {event.episode_id} ({event.mode}) {event.reason}'.strip()))
            self._draw_box(event.task)

    def _draw_box(self, name: str) -> None:
        """Draw the workspace of the task, once."""
        if name == self._task or name not in tasks.names():
            return
        self._task, task = name, tasks.load(name)
        low, high = np.array(task.workspace_low), np.array(task.workspace_high)
        self._stream.log('scene/workspace', rr.Boxes3D(
            mins=[low], sizes=[high - low], colors=[GREY]), static=True)
