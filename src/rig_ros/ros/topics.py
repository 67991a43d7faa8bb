"""The one table of names, types and quality of service; `doc/` and every node follow it.

Names are relative, so that a namespace moves the whole graph. Quality of service is by kind:

- stream: reliable depth 5 offered; live readers take best effort depth 1; the recorder takes
  reliable depth 200.
- command: reliable depth 1, with deadline and lifespan; the receiver checks the age again.
- latched: reliable, transient local.
- alive: latched, never carries a message; its liveliness lease tells within `ALIVE_LEASE_S` that a
  process was killed or stopped.
- plain: reliable depth 10 (`/diagnostics`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.duration import Duration
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSProfile,
    ReliabilityPolicy,
)
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState, PointCloud2
from std_msgs.msg import Bool, UInt8MultiArray

COMMAND_LIFESPAN_S = 0.2
LATCHED_READER_DEPTH = 10
"""Readers keep more than one, so that messages of two publishers do not replace each other."""
ALIVE_LEASE_S = 0.15

Kind = Literal['stream', 'command', 'latched', 'alive', 'plain']
Role = Literal['publish', 'live', 'record']


@dataclass(frozen=True)
class Topic:
    """One topic: relative name, message type, kind of quality of service, latched depth."""

    name: str
    type: Any
    kind: Kind
    depth: int = 1
    recorded: bool = True

    @property
    def type_name(self) -> str:
        """The type as recordings spell it, for example `sensor_msgs/msg/Image`."""
        package, _, _ = self.type.__module__.partition('.')
        return f'{package}/msg/{self.type.__name__}'

    @property
    def fast(self) -> bool:
        """Whether both ends are the project's own and each wake-up counts.

        Watching such an end for mismatched quality of service would cost as much as a message.
        """
        return self.kind in ('stream', 'command') and self.name != 'camera/image_raw'

    def qos(self, role: Role) -> QoSProfile:
        """Return the profile for publishing, for a live reader, or for the recorder."""
        if self.kind == 'latched':
            depth = self.depth if role == 'publish' else max(self.depth, LATCHED_READER_DEPTH)
            return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth,
                              reliability=ReliabilityPolicy.RELIABLE,
                              durability=DurabilityPolicy.TRANSIENT_LOCAL)
        if self.kind == 'alive':
            return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1,
                              reliability=ReliabilityPolicy.RELIABLE,
                              liveliness=LivelinessPolicy.AUTOMATIC,
                              liveliness_lease_duration=Duration(seconds=ALIVE_LEASE_S))
        if self.kind == 'plain':
            return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=10)
        if role == 'record':
            return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=200,
                              reliability=ReliabilityPolicy.RELIABLE)
        if self.kind == 'command':
            profile = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1,
                                 reliability=ReliabilityPolicy.RELIABLE)
            if role == 'publish':
                profile.lifespan = Duration(seconds=COMMAND_LIFESPAN_S)
            return profile
        if role == 'live':
            return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1,
                              reliability=ReliabilityPolicy.BEST_EFFORT)
        return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=5,
                          reliability=ReliabilityPolicy.RELIABLE)


CAMERA_RAW = Topic('camera/image_raw', Image, 'stream', recorded=False)
CAMERA_IMAGE = Topic('camera/image', Image, 'stream')
CAMERA_INFO = Topic('camera/camera_info', CameraInfo, 'latched')
LATENT = Topic('latent', PointCloud2, 'stream')
LATENT_PLOT = Topic('latent/plot', JointState, 'stream', recorded=False)
GOAL_IMAGE = Topic('goal/image', Image, 'latched')
GOAL_LATENT = Topic('goal/latent', PointCloud2, 'latched')
GOAL_PREVIEW = Topic('goal/preview', Image, 'latched')
POLICY_COMMAND = Topic('policy/cmd_twist', TwistStamped, 'command')
COMMAND = Topic('cmd_twist', TwistStamped, 'command')
JOINT_STATES = Topic('joint_states', JointState, 'stream')
EE_POSE = Topic('ee_pose', PoseStamped, 'stream')
EPISODE_EVENTS = Topic('episode/events', DiagnosticArray, 'latched', depth=100)
ESTOP = Topic('estop', Bool, 'latched')
MODEL_MANIFEST = Topic('model/manifest', DiagnosticArray, 'latched')
MODEL_PAYLOAD = Topic('model/payload', UInt8MultiArray, 'latched', recorded=False)
MODEL_STATUS = Topic('model/status', DiagnosticArray, 'latched', depth=20)
RECORDER_SEGMENT = Topic('recorder/segment', DiagnosticArray, 'latched', depth=100,
                         recorded=False)
TRAINER_METRICS = Topic('trainer/metrics', DiagnosticArray, 'latched', recorded=False)
DIAGNOSTICS = Topic('/diagnostics', DiagnosticArray, 'plain', recorded=False)
CLOCK = Topic('/clock', Clock, 'stream', recorded=False)
ARM_STATUS = Topic('arm/status', DiagnosticArray, 'latched', recorded=False)
GROUND_TRUTH = Topic('sim/ground_truth', DiagnosticArray, 'stream')


def alive(node: str) -> Topic:
    """Return the topic whose liveliness says that the process of that node runs."""
    return Topic(f'alive/{node}', Bool, 'alive', recorded=False)


ALL: tuple[Topic, ...] = tuple(v for v in list(globals().values()) if isinstance(v, Topic))

# Services, all std_srvs/Trigger.
GOAL_IMAGINE = 'goal/imagine'
GOAL_CLEAR = 'goal/clear'
EPISODE_START = 'episode/start'
EPISODE_STOP = 'episode/stop'
RESET = 'reset'
ESTOP_TRIP = 'estop/trip'
ESTOP_CLEAR = 'estop/clear'
ARM_ENABLE = 'arm/enable'
ARM_DISABLE = 'arm/disable'
ARM_RESET = 'arm/reset'
ARM_STOP = 'arm/stop'
ARM_CLEAR_FAULT = 'arm/clear_fault'
ARM_HOME = 'arm/home'
GRIPPER_OPEN = 'gripper/open'
GRIPPER_CLOSE = 'gripper/close'
