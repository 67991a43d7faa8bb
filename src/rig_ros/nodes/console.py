"""The console's process in the graph: what the page shows goes out, what its operator asks in.

It is started by `rig_ros.console.bridge` and speaks frames (`console.wire`) on its standard input
and output. One thread: a timer looks at the input, output never waits. Pictures and latents are
taken undecoded and passed on at a limited rate, so that a fast graph does not pay for a slow page.
"""

from __future__ import annotations

import array
import collections
import functools
import math
import os
import sys
import time
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import SetParameters
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Bool, MultiArrayDimension, UInt8MultiArray
from std_srvs.srv import Trigger

from rig_ros.console.wire import Frame, Pacer, Reader, pack
from rig_ros.episodes.messages import header_stamp_ns
from rig_ros.errors import RigError
from rig_ros.ros import topics
from rig_ros.ros.client import GoalWatch
from rig_ros.ros.conversions import (
    Latent,
    array_to_image,
    cloud_to_latent,
    image_to_array,
    message_to_values,
    stamp_ns,
    to_stamp,
    values_to_message,
)
from rig_ros.ros.executor import make_executor
from rig_ros.ros.runner import ignore_signals
from rig_ros.ros.topics import Topic

POLL_S = 0.01
"""Between looks at the input: the longest an e-stop waits here."""
BACKLOG_BYTES = 4 * 1024 * 1024
"""Of output that the server has not taken; pictures beyond it are dropped."""
CHUNK = 1 << 16
TRUTH_NS = 500_000_000
"""A truth this much younger than a picture is not the picture's."""
OFFER_S = 20.0
"""How long a model stays published; longer than a busy graph needs to take it."""


class Outlet:
    """Writes frames to a pipe without ever waiting."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._waiting: collections.deque[bytes] = collections.deque()
        self._bytes = 0

    def send(self, head: dict[str, Any], body: bytes = b'', *, droppable: bool = False) -> None:
        """Queue a frame and write what fits; a droppable one is left out when many wait."""
        if droppable and self._bytes > BACKLOG_BYTES:
            return
        frame = pack(head, body)
        self._waiting.append(frame)
        self._bytes += len(frame)
        self.flush()

    def flush(self) -> None:
        """Write what the pipe takes."""
        while self._waiting:
            frame = self._waiting[0]
            try:
                done = os.write(self._descriptor, frame)
            except BlockingIOError:
                return
            self._bytes -= done
            if done < len(frame):
                self._waiting[0] = frame[done:]
            else:
                self._waiting.popleft()


class ConsoleNode(Node):
    """See the module."""

    def __init__(self, source: int, outlet: Outlet, rate_hz: float) -> None:
        """Join the graph.

        Args:
            source: file descriptor of requests.
            outlet: for news and answers.
            rate_hz: of pictures and latents at most [1/s].
        """
        super().__init__('console', start_parameter_services=False, enable_rosout=False)
        os.set_blocking(source, False)
        self.ended = False
        self._source, self._outlet, self._reader = source, outlet, Reader()
        self._pacers = {t.name: Pacer(rate_hz) for t in (topics.CAMERA_IMAGE, topics.LATENT)}
        self._late: dict[str, bytes] = {}
        self._truth = b''
        self._untold: int | None = None  # stamp of a picture sent, whose truth was not yet
        self._goal: Latent | None = None
        self._watch = GoalWatch()
        self._offered: list[Any] = []
        self._withdraw_s = 0.0
        self._asked: tuple[int, int, float] | None = None  # request, goal id, deadline
        self._calls: dict[int, tuple[float, Any, Any, str]] = {}
        self._trigger_clients: dict[str, Any] = {}
        self._goals: Any = None
        self._takers = {topics.CAMERA_IMAGE.name: self._on_picture,
                        topics.LATENT.name: self._on_latent}
        for topic in (topics.CAMERA_IMAGE, topics.LATENT):
            self.create_subscription(topic.type, topic.name,
                                     functools.partial(self._offer, topic.name),
                                     topic.qos('live'), raw=True)
        self.create_subscription(topics.GROUND_TRUTH.type, topics.GROUND_TRUTH.name,
                                 self._on_truth, topics.GROUND_TRUTH.qos('live'), raw=True)
        self._hear(topics.GOAL_LATENT, self._on_goal)
        self._hear(topics.GOAL_PREVIEW, self._on_preview)
        self._hear(topics.DIAGNOSTICS, self._on_diagnostics)
        self._hear(topics.ESTOP, self._on_estop)
        for topic in (topics.EPISODE_EVENTS, topics.TRAINER_METRICS, topics.MODEL_STATUS,
                      topics.RECORDER_SEGMENT):
            self._hear(topic, functools.partial(self._on_values, topic.name))
        self.create_timer(POLL_S, self._look)
        self._outlet.send({'kind': 'joined', 'domain': os.environ.get('ROS_DOMAIN_ID', '0'),
                           'namespace': self.get_namespace()})

    def _hear(self, topic: Topic, callback: Any) -> None:
        self.create_subscription(topic.type, topic.name, callback, topic.qos('live'))

    # News ----------------------------------------------------------------------------------------
    def _offer(self, name: str, content: bytes) -> None:
        """Pass on a stream's message when it is due, else keep it as the newest."""
        if self._pacers[name].due(time.monotonic()):
            self._late.pop(name, None)
            self._takers[name](content)
        else:
            self._late[name] = content

    def _on_picture(self, content: bytes) -> None:
        message = deserialize_message(content, topics.CAMERA_IMAGE.type)
        self._send_picture('camera', message)
        self._untold = stamp_ns(message.header.stamp)
        self._tell_truth()

    def _on_truth(self, content: bytes) -> None:
        self._truth = content
        self._tell_truth()

    def _tell_truth(self) -> None:
        """Send where things truly are in the picture sent last, as soon as that is known."""
        if self._untold is None or not self._truth:
            return
        if 0 <= header_stamp_ns(self._truth) - self._untold <= TRUTH_NS:
            message = deserialize_message(self._truth, DiagnosticArray)
            self._outlet.send({'kind': 'truth', 'stamp': self._untold,
                               'values': message_to_values(message)}, droppable=True)
            self._untold = None

    def _on_preview(self, message: Any) -> None:
        self._send_picture('goal_picture', message)

    def _send_picture(self, kind: str, message: Any) -> None:
        try:
            picture = image_to_array(message)
        except RigError as error:
            self._outlet.send({'kind': 'complaint', 'about': kind, 'text': str(error)})
            return
        self._outlet.send({'kind': kind, 'stamp': stamp_ns(message.header.stamp),
                           'height': picture.shape[0], 'width': picture.shape[1]},
                          picture.tobytes(), droppable=kind == 'camera')

    def _on_latent(self, content: bytes) -> None:
        goal = self._goal
        if goal is None:
            return
        try:
            latent = cloud_to_latent(deserialize_message(content, PointCloud2))
        except RigError:
            return  # the policy reports it
        if latent is None or latent.encoder_id != goal.encoder_id:
            return
        distance = float(np.linalg.norm(latent.mean - goal.mean))
        if math.isfinite(distance):
            self._outlet.send({'kind': 'distance', 'stamp': latent.stamp_ns, 'value': distance,
                               'goal_id': str(goal.stamp_ns)}, droppable=True)

    def _on_goal(self, message: PointCloud2) -> None:
        self._watch.on_goal(message)
        try:
            self._goal = cloud_to_latent(message)
        except RigError:
            self._goal = None
        goal = self._goal
        self._outlet.send({'kind': 'goal', 'goal_id': str(goal.stamp_ns) if goal else '',
                           'encoder': goal.encoder_id if goal else ''})

    def _on_estop(self, message: Bool) -> None:
        self._outlet.send({'kind': 'estop', 'tripped': bool(message.data)})

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self._watch.on_diagnostics(message)
        parts = [{'name': s.name, 'level': ord(s.level) if isinstance(s.level, bytes)
                  else int(s.level), 'message': s.message,
                  'values': {v.key: v.value for v in s.values}} for s in message.status]
        self._outlet.send({'kind': 'diagnostics', 'parts': parts})

    def _on_values(self, topic: str, message: DiagnosticArray) -> None:
        if message.status:
            self._outlet.send({'kind': 'values', 'topic': topic,
                               'stamp': stamp_ns(message.header.stamp),
                               'name': message.status[0].name,
                               'values': message_to_values(message)})

    # Requests ------------------------------------------------------------------------------------
    def _look(self) -> None:
        """Take requests, finish what is done or late, write what is left."""
        while True:
            try:
                content = os.read(self._source, CHUNK)
            except BlockingIOError:
                break
            if not content:  # the server is gone
                self.ended = True
                raise ExternalShutdownException()
            for frame in self._reader.feed(content):
                self._do(frame)
        for name in list(self._late):
            self._offer(name, self._late[name])
        self._finish(time.monotonic())
        self._outlet.flush()

    def _do(self, frame: Frame) -> None:
        head, body = frame
        number, what = int(head['id']), head['do']
        deadline = time.monotonic() + float(head.get('timeout_s', 5.0))
        try:
            if what == 'call':
                client = self._client(head['service'], Trigger)
                self._call(number, client, Trigger.Request(), deadline, head['service'])
            elif what == 'set':
                service = f'{head["node"]}/set_parameters'
                value = Parameter(head['name'], value=head['value']).to_parameter_msg()
                self._call(number, self._client(service, SetParameters),
                           SetParameters.Request(parameters=[value]), deadline, service)
            elif what == 'bundle':
                self._publish_model(number, head['manifest'], body)
            elif what == 'goal':
                self._send_goal(number, head, body, deadline)
            else:
                self._answer(number, False, f'{what!r} is not known to the console node')
        except RigError as error:
            self._answer(number, False, str(error))

    def _client(self, service: str, kind: Any) -> Any:
        if service not in self._trigger_clients:
            self._trigger_clients[service] = self.create_client(kind, service)
        return self._trigger_clients[service]

    def _call(self, number: int, client: Any, request: Any, deadline: float, name: str) -> None:
        future = client.call_async(request) if client.service_is_ready() else None
        self._calls[number] = (deadline, future, (client, request), name)

    def _send_goal(self, number: int, head: dict[str, Any], body: bytes, deadline: float) -> None:
        topic = topics.GOAL_IMAGE
        if not self.count_subscribers(topic.name):
            self._answer(number, False, 'there is no goal node; is the graph up?')
            return
        if self._asked is not None:
            self._answer(number, False, 'another goal is being set; try again in a second')
            return
        picture = np.frombuffer(body, np.uint8).reshape(head['height'], head['width'], 3)
        goal_id = time.time_ns()
        self._watch.problem, self._watch.sent_s = '', time.monotonic()
        self._asked = (number, goal_id, deadline)
        # Latched, so for this goal only: a goal node that is restarted must not find an old wish.
        self._goals = self.create_publisher(topic.type, topic.name, topic.qos('publish'))
        self._goals.publish(array_to_image(picture, to_stamp(goal_id)))

    def _publish_model(self, number: int, manifest: dict[str, str], content: bytes) -> None:
        """Offer a model to the graph for a while: a latched one would outlive the wish for it."""
        self._withdraw_model()
        payload = UInt8MultiArray(data=array.array('B', content))
        payload.layout.dim = [MultiArrayDimension(label=manifest['bundle_id'], size=len(content),
                                                  stride=len(content))]
        for topic in (topics.MODEL_PAYLOAD, topics.MODEL_MANIFEST):
            self._offered.append(self.create_publisher(topic.type, topic.name,
                                                       topic.qos('publish')))
        self._offered[0].publish(payload)
        self._offered[1].publish(values_to_message('model', manifest,
                                                   self.get_clock().now().to_msg()))
        self._withdraw_s = time.monotonic() + OFFER_S
        self._answer(number, True, 'published; it is used from the next episode on, once all '
                                   'nodes have checked it')

    def _withdraw_model(self) -> None:
        for publisher in self._offered:
            self.destroy_publisher(publisher)
        self._offered = []

    def _finish(self, now: float) -> None:
        if self._offered and now > self._withdraw_s:
            self._withdraw_model()
        if self._asked is not None:
            number, goal_id, deadline = self._asked
            accepted = self._watch.goal_id == goal_id
            if accepted or self._watch.problem or now > deadline:
                self._asked = None
                self.destroy_publisher(self._goals)
                text = str(goal_id) if accepted else (
                    self._watch.problem or 'the goal node did not answer; look at its status')
                self._answer(number, accepted, text)
        for number, (deadline, future, (client, request), name) in list(self._calls.items()):
            if future is None and client.service_is_ready():
                self._calls[number] = (deadline, client.call_async(request), (client, request),
                                       name)
            elif future is not None and future.done():
                del self._calls[number]
                self._answer(number, *_outcome(future.result()))
            elif now > deadline:
                del self._calls[number]
                if future is not None:
                    client.remove_pending_request(future)
                state = 'there is no such service' if future is None else 'no answer in time'
                self._answer(number, False, f'{name}: {state}; is the node that offers it '
                                            'running?')

    def _answer(self, number: int, ok: bool, text: str) -> None:
        self._outlet.send({'kind': 'answer', 'id': number, 'ok': ok, 'text': text})


def _outcome(result: Any) -> tuple[bool, str]:
    """Return whether a service did what it was asked, and what it said."""
    if hasattr(result, 'results'):
        refused = [r.reason for r in result.results if not r.successful]
        return not refused, '; '.join(refused) or 'set'
    return bool(result.success), str(result.message)


def main() -> None:
    """Run until the server closes the input; the first argument is the highest rate [1/s]."""
    outlet = Outlet(os.dup(1))
    os.dup2(2, 1)  # nothing else may write between frames
    rclpy.init(args=sys.argv[1:2] and sys.argv[2:])
    executor = make_executor()
    node = ConsoleNode(0, outlet, float(sys.argv[1]))
    executor.add_node(node)
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException, BrokenPipeError):
        pass
    finally:
        ignore_signals()
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
