"""What a recording of an episode holds: topics, types, message definitions, event keys.

Strings only, so that recordings are read and written without ROS; a test holds this table against
`ros/topics.py`. Recorded topic names are resolved ones (`/rig/camera/image`); `local_name` finds
the name of the table in them, whatever the namespace.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from rig_ros.errors import DataError

PROFILE = 'ros2'
DISTRO = 'jazzy'
SCHEMA_ENCODING = 'ros2msg'
MESSAGE_ENCODING = 'cdr'


@dataclass(frozen=True)
class RecordedTopic:
    """One recorded topic; `depth` messages of a latched topic open every file."""

    name: str
    type: str
    latched: bool = False
    depth: int = 5


IMAGE = 'camera/image'
CAMERA_INFO = 'camera/camera_info'
LATENT = 'latent'
GOAL_IMAGE = 'goal/image'
GOAL_LATENT = 'goal/latent'
GOAL_PREVIEW = 'goal/preview'
POLICY_COMMAND = 'policy/cmd_twist'
COMMAND = 'cmd_twist'
JOINT_STATES = 'joint_states'
EE_POSE = 'ee_pose'
EVENTS = 'episode/events'
ESTOP = 'estop'
MANIFEST = 'model/manifest'
MODEL_STATUS = 'model/status'
GROUND_TRUTH = 'sim/ground_truth'

_DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray'
_PICTURE = 'sensor_msgs/msg/Image'
_CLOUD = 'sensor_msgs/msg/PointCloud2'
_TWIST = 'geometry_msgs/msg/TwistStamped'

TOPICS: tuple[RecordedTopic, ...] = (
    RecordedTopic(IMAGE, _PICTURE),
    RecordedTopic(CAMERA_INFO, 'sensor_msgs/msg/CameraInfo', latched=True, depth=1),
    RecordedTopic(LATENT, _CLOUD),
    RecordedTopic(GOAL_IMAGE, _PICTURE, latched=True, depth=1),
    RecordedTopic(GOAL_LATENT, _CLOUD, latched=True, depth=1),
    RecordedTopic(GOAL_PREVIEW, _PICTURE, latched=True, depth=1),
    RecordedTopic(POLICY_COMMAND, _TWIST),
    RecordedTopic(COMMAND, _TWIST),
    RecordedTopic(JOINT_STATES, 'sensor_msgs/msg/JointState'),
    RecordedTopic(EE_POSE, 'geometry_msgs/msg/PoseStamped'),
    RecordedTopic(EVENTS, _DIAGNOSTICS, latched=True, depth=100),
    RecordedTopic(ESTOP, 'std_msgs/msg/Bool', latched=True, depth=1),
    RecordedTopic(MANIFEST, _DIAGNOSTICS, latched=True, depth=1),
    RecordedTopic(MODEL_STATUS, _DIAGNOSTICS, latched=True, depth=20),
    RecordedTopic(GROUND_TRUTH, _DIAGNOSTICS),
)
BY_NAME = {topic.name: topic for topic in TOPICS}

STEP_TOPICS = (COMMAND, EVENTS)
"""A message on one of these completes a step: everything before it goes to the disk."""

REPEATED = tuple(t for t in TOPICS if t.latched and t.name != EVENTS)
"""Latched topics whose latest messages open every file, so that each stands alone."""

EVENT_KINDS = ('reset', 'start', 'end', 'abort')
MODES = ('collect', 'practise', 'reach')


@dataclass(frozen=True)
class Definition:
    """A message type as recordings carry it."""

    type: str
    text: str
    type_hash: str = ''
    encoding: str = SCHEMA_ENCODING


@cache
def typestore() -> Typestore:
    """Return the message types of the distribution recordings are written for."""
    return get_typestore(Stores.ROS2_JAZZY)


@cache
def definition(type_name: str) -> Definition:
    """Return the definition text and type hash (RIHS01) of a type.

    Raises:
        DataError: for a type outside the standard packages.
    """
    store = typestore()
    if type_name not in store.types:
        raise DataError(f'message type: got {type_name!r}, allowed: the standard types of ROS 2 '
                        f'{DISTRO}; rig_ros records no others')
    text, _ = store.generate_msgdef(type_name, ros_version=2)
    return Definition(type_name, text, store.hash_rihs01(type_name))


@cache
def local_name(topic: str) -> str:
    """Return the table's name in a recorded topic, or '' for a topic not in the table."""
    matches = [name for name in BY_NAME if f'/{topic}'.endswith(f'/{name}')]
    return max(matches, key=len, default='')
