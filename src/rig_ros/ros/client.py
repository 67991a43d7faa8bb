"""A person's side of a running graph: send goals, call services, wait for what happens.

Commands, drills and tests use it; nodes do not. It is one ROS node in a context of its own, spun
only by the thread that calls its methods, so that no second thread ever enters rclpy.

    with GraphClient() as graph:
        goal_id = graph.send_goal(image_hwc_u8)
        graph.call(topics.EPISODE_START)
        event = graph.wait_event('end', 'abort', timeout_s=60.0)
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2
from std_srvs.srv import Trigger

from rig_ros.errors import HardwareError, RigError
from rig_ros.processes import enclave_arguments
from rig_ros.ros import topics
from rig_ros.ros.conversions import (
    array_to_image,
    image_to_array,
    message_to_values,
    stamp_ns,
    to_stamp,
)
from rig_ros.ros.executor import make_executor, turn
from rig_ros.ros.topics import Role, Topic
from rig_ros.vision.image import Picture

SPIN_S = 0.1
"""Longest time in ROS before Python looks at Ctrl-C and deadlines again."""
REPEATED_AFTER_S = 1.1
"""Diagnostics come at 1 Hz: a problem still shown after this is not that of an earlier goal."""


class GoalWatch:
    """What the goal node says, and whether it says it about the picture sent last."""

    def __init__(self) -> None:
        self.goal_id = 0
        """Of the active goal [ns]; 0 for none."""
        self.problem = ''
        """What the node said was wrong since `sent_s`."""
        self.sent_s = float('inf')
        self._last: dict[str, str] = {}

    def on_goal(self, message: PointCloud2) -> None:
        """Take a message of goal/latent."""
        self.goal_id = stamp_ns(message.header.stamp) if message.width else 0

    def on_diagnostics(self, message: DiagnosticArray) -> None:
        """Take the goal node's part of a diagnostics message; an old problem is not a new one."""
        repeated = time.monotonic() > self.sent_s + REPEATED_AFTER_S
        for status in message.status:
            if not status.name.startswith('goal:'):
                continue
            text = status.message if status.level > status.OK else ''
            if text and (repeated or self._last.get(status.name, '') != text):
                self.problem = self.problem or f'{status.name}: {text}'
            self._last[status.name] = text


class GraphClient:
    """See the module; use it as a context manager, or call `close`."""

    def __init__(self, name: str = 'rig_ros_client', namespace: str = '') -> None:
        """Join the graph.

        Args:
            name: of the node.
            namespace: that the graph was started with.
        """
        self._context = Context()
        self._context.init(args=['rig_ros', '--ros-args', *enclave_arguments('operator')])
        self.node = Node(name, context=self._context, namespace=namespace, enable_rosout=False,
                         start_parameter_services=False, use_global_arguments=False)
        self._executor = make_executor(context=self._context)
        self._executor.add_node(self.node)
        self._publishers: dict[str, Any] = {}
        self._clients: dict[str, Any] = {}
        self.events: deque[dict[str, str]] = deque()
        """Episode events not yet taken by `wait_event`, oldest first."""
        self._listens_to_events = False
        self._goal_watch: GoalWatch | None = None

    def __enter__(self) -> GraphClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Leave the graph; what this client latched is gone with it."""
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()

    def subscribe(self, topic: Topic, callback: Callable[[Any], Any],
                  role: Role = 'live') -> Any:
        """Run a callback for each message, while a method of this client waits."""
        return self.node.create_subscription(topic.type, topic.name, callback, topic.qos(role))

    def publisher(self, topic: Topic) -> Any:
        """Return the publisher of a topic, made once."""
        if topic.name not in self._publishers:
            self._publishers[topic.name] = self.node.create_publisher(
                topic.type, topic.name, topic.qos('publish'))
        return self._publishers[topic.name]

    def spin_until(self, condition: Callable[[], object], timeout_s: float,
                   what: str) -> None:
        """Handle messages until a condition holds.

        Args:
            condition: looked at whenever messages came and were handled.
            timeout_s: wall-clock limit.
            what: is waited for; for the error.

        Raises:
            HardwareError: when time is out.
        """
        deadline = time.monotonic() + timeout_s
        while not condition():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise HardwareError(f'{what}: nothing within {timeout_s:g} s, allowed: a running '
                                    'graph; is it up (rig_ros up), in the same ROS_DOMAIN_ID and '
                                    'namespace?')
            turn(self._executor, min(SPIN_S, left_s))

    def spin_for(self, duration_s: float) -> None:
        """Handle messages for some time."""
        deadline = time.monotonic() + duration_s
        while (left_s := deadline - time.monotonic()) > 0:
            turn(self._executor, min(SPIN_S, left_s))

    def take(self, topic: Topic, timeout_s: float = 5.0) -> Any:
        """Return one message of a topic: the latched one, or the next.

        Raises:
            HardwareError: when none comes in time.
        """
        got: list[Any] = []
        subscription = self.subscribe(topic, got.append)
        try:
            self.spin_until(lambda: got, timeout_s, topic.name)
        finally:
            self.node.destroy_subscription(subscription)
        return got[-1]

    def call(self, service: str, timeout_s: float = 10.0, answer_s: float | None = None) -> str:
        """Call a Trigger service and return its message.

        Args:
            service: its name.
            timeout_s: how long to wait for the service [s].
            answer_s: how long to wait for its answer [s]; the same if not given.

        Raises:
            HardwareError: no such service, or no answer, in time.
            RigError: the node refused; with its reason.
        """
        future = self.begin_call(service, timeout_s)
        self.spin_until(future.done, answer_s or timeout_s, f'answer of service {service}')
        answer = future.result()
        if not answer.success:
            raise RigError(f'{service}: refused: {answer.message}')
        return str(answer.message)

    def begin_call(self, service: str, timeout_s: float = 10.0) -> Any:
        """Call a Trigger service and return the future of its answer.

        Raises:
            HardwareError: no such service in time.
        """
        if service not in self._clients:
            self._clients[service] = self.node.create_client(Trigger, service)
        client = self._clients[service]
        self.spin_until(client.service_is_ready, timeout_s, f'service {service}')
        return client.call_async(Trigger.Request())

    def camera_picture(self, timeout_s: float = 5.0) -> Picture:
        """Return what the camera sees, as the encoder gets it."""
        return image_to_array(self.take(topics.CAMERA_IMAGE, timeout_s))

    def send_goal(self, image_hwc_u8: Picture, timeout_s: float = 5.0) -> int:
        """Send a goal picture, wait until the goal node took it, return the goal's id [ns].

        Raises:
            RigError: the goal node refused it; with its reason.
            HardwareError: there is no goal node, or it says nothing in time.
        """
        publisher = self.publisher(topics.GOAL_IMAGE)
        self.spin_until(lambda: publisher.get_subscription_count() > 0, timeout_s, 'goal node')
        if self._goal_watch is None:
            self._goal_watch = GoalWatch()
            self.subscribe(topics.GOAL_LATENT, self._goal_watch.on_goal)
            self.subscribe(topics.DIAGNOSTICS, self._goal_watch.on_diagnostics)
            self.spin_for(REPEATED_AFTER_S)  # to know what was wrong before
        watch, goal_id = self._goal_watch, time.time_ns()
        watch.problem, watch.sent_s = '', time.monotonic()
        publisher.publish(array_to_image(image_hwc_u8, to_stamp(goal_id)))
        self.spin_until(lambda: watch.goal_id == goal_id or watch.problem, timeout_s,
                        'acceptance of the goal')
        if watch.goal_id != goal_id:
            raise RigError(f'the goal was refused by {watch.problem}')
        return goal_id

    def clear_goal(self, timeout_s: float = 5.0) -> str:
        """Drop the goal; the arm stops."""
        return self.call(topics.GOAL_CLEAR, timeout_s)

    def wait_event(self, *kinds: str, timeout_s: float) -> dict[str, str]:
        """Return the next episode event of these kinds; earlier ones of other kinds are dropped.

        The first call also gets the events of the past, which are latched; `stamp_ns` among the
        values tells when an event was.

        Raises:
            HardwareError: when none comes in time.
        """
        if not self._listens_to_events:
            self.subscribe(topics.EPISODE_EVENTS, self._on_event)
            self._listens_to_events = True
        found: list[dict[str, str]] = []

        def look() -> bool:
            while self.events and not found:
                event = self.events.popleft()
                if event['kind'] in kinds:
                    found.append(event)
            return bool(found)

        self.spin_until(look, timeout_s, f"episode event {' or '.join(kinds)}")
        return found[0]

    def _on_event(self, message: DiagnosticArray) -> None:
        self.events.append({**message_to_values(message),
                            'stamp_ns': str(stamp_ns(message.header.stamp))})
