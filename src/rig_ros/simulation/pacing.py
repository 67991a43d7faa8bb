"""When the simulated world advances: with the wall clock, or with each command. No MuJoCo, no ROS.

Wall times are seconds of a monotonic clock; stamps are nanoseconds of the graph's time.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig_ros.settings import require


class Lockstep:
    """The world waits for the command to its last picture, but not for ever.

    Simulated time starts where it is told and grows by one period with each step, so that stamps
    stay unique.
    """

    def __init__(self, period_s: float, idle_s: float, start_ns: int) -> None:
        """Start with a picture at `start_ns` that nobody has answered.

        Args:
            period_s: simulated time of a step [s].
            idle_s: wall time after which the world goes on without a command [s].
            start_ns: simulated time of the first picture [ns].
        """
        require(period_s > 0, 'period_s', period_s, 'above 0 s')
        require(idle_s > 0, 'idle_s', idle_s, 'above 0 s')
        self._period_ns = round(1e9 * period_s)
        self._idle_s = idle_s
        self._since_s = float('-inf')
        self.now_ns = start_ns

    def step(self, wall_s: float) -> int:
        """The world advanced by one period and a picture is out; return its stamp [ns]."""
        self.now_ns += self._period_ns
        self._since_s = wall_s
        return self.now_ns

    def is_answer(self, stamp_ns: int) -> bool:
        """Tell whether a command of that stamp answers the last picture."""
        return stamp_ns == self.now_ns

    def is_idle(self, wall_s: float) -> bool:
        """Tell whether nobody answered for so long that the world goes on by itself."""
        return wall_s - self._since_s >= self._idle_s


@dataclass(frozen=True)
class Tick:
    """What one tick of the real-time world has to do."""

    advance_s: float
    """Simulated time to catch up with [s]."""
    stalled: bool
    """The process stood still for so long that the last command no longer counts."""
    picture: bool
    """A picture is due."""


class RealTime:
    """The world follows the wall clock in small ticks; a picture every few ticks."""

    def __init__(self, picture_hz: float, servo_hz: float, stall_s: float) -> None:
        """Choose the tick: the division of the picture period nearest to `servo_hz`.

        Args:
            picture_hz: pictures per second.
            servo_hz: wanted ticks per second.
            stall_s: a longer gap between ticks is not caught up [s].
        """
        require(picture_hz > 0, 'picture_hz', picture_hz, 'above 0 Hz')
        require(servo_hz > 0, 'servo_hz', servo_hz, 'above 0 Hz')
        self._ticks_per_picture = max(1, round(servo_hz / picture_hz))
        self._stall_s = stall_s
        self.period_s = 1.0 / (picture_hz * self._ticks_per_picture)
        self._last_s: float | None = None
        self._count = 0

    def tick(self, wall_s: float) -> Tick:
        """Return what is due now."""
        gap_s = self.period_s if self._last_s is None else wall_s - self._last_s
        self._last_s = wall_s
        self._count += 1
        stalled = gap_s > self._stall_s
        return Tick(self.period_s if stalled else max(gap_s, 0.0), stalled,
                    self._count % self._ticks_per_picture == 0)
