"""The one table of names, types and quality of service; every node follows it.

The reference (`rig_ros reference topics`) is made from it.

Names are relative, so that a namespace moves the whole graph. Quality of service is by kind:

- stream: reliable depth 5 offered; live readers take best effort depth 1; the recorder takes
  reliable depth 200.
- command: reliable depth 1, with deadline and lifespan; the receiver checks the age again.
- latched: reliable, transient local; the recorder takes depth 200 of these, too.
- alive: latched, never carries a message; its liveliness lease tells within `ALIVE_LEASE_S` that a
  process was killed or stopped.
- plain: reliable depth 10 (`/diagnostics`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
from visualization_msgs.msg import MarkerArray

COMMAND_LIFESPAN_S = 0.2
LATCHED_READER_DEPTH = 10
"""Readers keep more than one, so that messages of two publishers do not replace each other."""
RECORDER_DEPTH = 200
"""What the recorder can be late by, while a disk makes it wait, on any topic."""
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
    by: str = field(kw_only=True)
    """Who publishes it."""
    meaning: str = field(kw_only=True)
    """What it says, with units and frame."""

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
            depth = {'publish': self.depth, 'record': RECORDER_DEPTH,
                     'live': max(self.depth, LATCHED_READER_DEPTH)}[role]
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
            return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=RECORDER_DEPTH,
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


CAMERA_RAW = Topic('camera/image_raw', Image, 'stream', recorded=False,
                   by='a camera driver, sim (`raw_camera`)',
                   meaning='what a camera delivers: rgb8, bgr8 or mono8')
CAMERA_IMAGE = Topic('camera/image', Image, 'stream', by='camera, sim',
                     meaning='what the robot sees: rgb8, 84x84; its stamp begins a cycle')
CAMERA_INFO = Topic('camera/camera_info', CameraInfo, 'latched', by='camera, sim',
                    meaning='intrinsics, scaled to crop and size')
LATENT = Topic('latent', PointCloud2, 'stream', by='encoder',
               meaning='one point, FLOAT32 `mean` and `log_variance`; `frame_id` is the '
                       "encoder's id: which latent space")
LATENT_PLOT = Topic('latent/plot', JointState, 'stream', recorded=False, by='encoder (`plot`)',
                    meaning='the mean as z0, z1, ..., for plotting tools')
GOAL_IMAGE = Topic('goal/image', Image, 'latched', by='operator, console',
                   meaning='the picture to make true, 84x84')
GOAL_LATENT = Topic('goal/latent', PointCloud2, 'latched', by='goal',
                    meaning="the active goal, as `latent`; empty: no goal; its stamp is the "
                            "goal's id")
GOAL_PREVIEW = Topic('goal/preview', Image, 'latched', by='goal',
                     meaning="its picture: the operator's, or the decoded imagined one")
POLICY_COMMAND = Topic('policy/cmd_twist', TwistStamped, 'command', by='policy',
                       meaning='requested hand velocity [m/s], frame `base`')
COMMAND = Topic('cmd_twist', TwistStamped, 'command', by='guard',
                meaning='allowed hand velocity [m/s], frame `base`')
JOINT_STATES = Topic('joint_states', JointState, 'stream', by='sim, sawyer',
                     meaning='seven joints: position [rad], velocity [rad/s], effort [Nm]')
EE_POSE = Topic('ee_pose', PoseStamped, 'stream', by='sim, sawyer',
                meaning="the hand (the tool's point) [m], frame `base`")
EPISODE_EVENTS = Topic('episode/events', DiagnosticArray, 'latched', depth=100, by='episode',
                       meaning='reset, start, end, abort, with ids and reasons')
ESTOP = Topic('estop', Bool, 'latched', by='guard', meaning='true until a person clears it')
MODEL_MANIFEST = Topic('model/manifest', DiagnosticArray, 'latched', by='trainer',
                       meaning='facts of a new bundle')
MODEL_PAYLOAD = Topic('model/payload', UInt8MultiArray, 'latched', recorded=False, by='trainer',
                      meaning='its bytes (safetensors)')
MODEL_STATUS = Topic('model/status', DiagnosticArray, 'latched', depth=20,
                     by='encoder, goal, policy',
                     meaning='active, ready and refused bundle of each')
RECORDER_SEGMENT = Topic('recorder/segment', DiagnosticArray, 'latched', depth=100,
                         recorded=False, by='recorder', meaning='a finished episode file')
TRAINER_METRICS = Topic('trainer/metrics', DiagnosticArray, 'latched', recorded=False,
                        by='trainer', meaning='losses, steps, backlog')
DIAGNOSTICS = Topic('/diagnostics', DiagnosticArray, 'plain', recorded=False, by='every node',
                    meaning='1 Hz, and at once when a level changes: state, rates, ages')
CLOCK = Topic('/clock', Clock, 'stream', recorded=False, by='sim (lockstep)',
              meaning='simulated time')
ARM_STATUS = Topic('arm/status', DiagnosticArray, 'latched', recorded=False, by='sawyer',
                   meaning="mode, cause and remedy when nothing moves, the robot's flags")
MARKERS = Topic('markers', MarkerArray, 'latched', recorded=False, by='markers',
                meaning='workspace, area of goals, hand, requested and allowed motion; frame '
                        '`base`')
GROUND_TRUTH = Topic('sim/ground_truth', DiagnosticArray, 'stream', by='sim, fake_robot',
                     meaning='true positions, `name: "x y z"` [m]: for evaluation only')


def alive(node: str) -> Topic:
    """Return the topic whose liveliness says that the process of that node runs."""
    return Topic(f'alive/{node}', Bool, 'alive', recorded=False, by=node,
                 meaning='no message; its liveliness says that the process runs')


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

SERVICES: dict[str, tuple[str, str]] = {
    GOAL_IMAGINE: ('goal', 'imagine a goal and make it the active one'),
    GOAL_CLEAR: ('goal', 'drop the goal; the arm stops'),
    EPISODE_START: ('episode', 'begin an episode: reset, then start'),
    EPISODE_STOP: ('episode', 'end the episode and begin no other'),
    RESET: ('sim, sawyer', "the hand to the task's reset position"),
    ESTOP_TRIP: ('guard', 'latch the e-stop; the hand is commanded to hold'),
    ESTOP_CLEAR: ('guard', 'clear it; moves nothing by itself'),
    ARM_ENABLE: ('sawyer', 'brakes off; nothing else enables the arm'),
    ARM_DISABLE: ('sawyer', 'brakes on'),
    ARM_RESET: ('sawyer', "end a stop of the robot; not the episode's `reset`"),
    ARM_STOP: ('sawyer', "the robot's own stop; needs `arm/reset` and `arm/enable`"),
    ARM_CLEAR_FAULT: ('sawyer', 'allow motion again after a fault whose cause is gone'),
    ARM_HOME: ('sawyer', 'to the reset posture'),
    GRIPPER_OPEN: ('sawyer', 'open the gripper, if one is attached'),
    GRIPPER_CLOSE: ('sawyer', 'close it'),
}
"""Who offers each service, and what it does; for people and the reference."""
