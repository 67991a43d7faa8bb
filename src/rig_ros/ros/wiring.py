"""The ends of a node's wires; made by `RigNode`'s methods, not directly.

Publications time themselves, listeners refuse bad input, calls (std_srvs/Trigger) never wait.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rclpy.exceptions import InvalidHandle
from std_srvs.srv import Trigger

from rig_ros.errors import RigError
from rig_ros.ros.conversions import stamp_ns
from rig_ros.ros.diagnostics import Level, Meter
from rig_ros.ros.topics import Topic

if TYPE_CHECKING:
    from rig_ros.ros.lifecycle import RigNode

CALL_POLL_S = 0.05
Answer = Callable[[bool, str], None]
"""Gives the answer of a service: whether it worked, and a message."""


class Publication:
    """A publisher that counts, and measures how old the stamp is when a message leaves."""

    def __init__(self, node: RigNode, topic: Topic, publisher: Any, always: bool) -> None:
        self._node = node
        self._publisher = publisher
        self._always = always
        self.topic = topic
        self.meter = Meter()

    def publish(self, message: Any) -> None:
        """Send a message; nothing is sent while the node is inactive or the process ends."""
        if not (self._always or self._node.active) or not self._node.context.ok():
            return
        self._publisher.publish(message)
        header = getattr(message, 'header', None)
        stamp = 0 if header is None else stamp_ns(header.stamp)
        age_s = 1e-9 * (self._node.now_ns() - stamp)
        self.meter.add(age_s if stamp and age_s >= 0 else None)

    def destroy(self) -> None:
        """Remove the publisher."""
        self._node.destroy_publisher(self._publisher)

    def readers(self) -> int:
        """Return how many subscriptions are matched."""
        return int(self._publisher.get_subscription_count())


class Listener:
    """A subscription whose callback runs only while the node is active.

    A `RigError` raised by the callback means that this message is refused: it is reported as an
    error of the part named like the topic, until a good message comes. Latched messages that
    arrive while the node is inactive are kept, and delivered when it becomes active.
    """

    def __init__(self, node: RigNode, topic: Topic, callback: Callable[[Any], None]) -> None:
        self._node = node
        self._callback = callback
        self._kept: deque[Any] = deque(maxlen=topic.depth if topic.kind == 'latched' else 0)
        self.topic = topic
        self.work = Meter()
        self.source_ns = 0
        """When the message being delivered was published, on its sender's system clock."""

    def __call__(self, message: Any, info: dict[str, int]) -> None:
        """Deliver one message."""
        if not self._node.active:
            self._kept.append((message, info))
            return
        self.source_ns = info['source_timestamp']
        part, began = self.topic.name, time.perf_counter()
        try:
            self._callback(message)
        except RigError as error:
            self._node.report(Level.ERROR, str(error), part=part)
        else:
            if self._node.board.level(part) is Level.ERROR:
                self._node.report(Level.OK, 'accepted again', part=part)
        self.work.add(time.perf_counter() - began)

    def deliver_kept(self) -> None:
        """Deliver what came while the node was inactive."""
        while self._kept:
            self(*self._kept.popleft())


class LateService:
    """A Trigger that is answered when the work is done, while the node goes on with other work.

    rclpy sends what a service's callback returns. Here the callback returns at once, and the
    response is held back until `answer` is called.
    """

    def __init__(self, node: RigNode, service: str, begin: Callable[[Answer], None]) -> None:
        self._begin = begin
        self.service = node.create_service(Trigger, service, self._on_request)
        self._send = self.service.send_response
        setattr(self.service, 'send_response', self._hold_back)  # noqa: B010

    def _on_request(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return response

    def _hold_back(self, response: Trigger.Response, header: Any) -> None:
        """Begin the work, now that it is known whom to answer."""
        answered: list[bool] = []

        def answer(success: bool, message: str) -> None:
            if not answered:
                answered.append(True)
                response.success, response.message = success, message
                with suppress(InvalidHandle):  # the node was cleaned up meanwhile
                    self._send(response, header)

        self._begin(answer)


class Caller:
    """A client that waits neither for the service nor for its answer, but tells how it went."""

    def __init__(self, node: RigNode, service: str) -> None:
        self._node = node
        self._service = service
        self._client = node.create_client(Trigger, service)

    def call(self, done: Callable[[bool, str], None], timeout_s: float) -> None:
        """Call, and run `done(success, message)` once: with the answer, or when time is out."""
        _Call(self._node, self._client, self._service, done, timeout_s)

    def destroy(self) -> None:
        """Forget the client; an answer still on its way is dropped."""
        self._node.destroy_client(self._client)


class _Call:
    """One call under way."""

    def __init__(self, node: RigNode, client: Any, service: str,
                 done: Callable[[bool, str], None], timeout_s: float) -> None:
        self._node, self._client, self._service, self._done = node, client, service, done
        self._timeout_s = timeout_s
        self._deadline_s = time.monotonic() + timeout_s
        self._future: Any = None
        self._timer: Any = node.create_timer(CALL_POLL_S, self._tick, clock=node.steady_clock)
        self._send()

    def _send(self) -> None:
        if self._client.service_is_ready():
            self._future = self._client.call_async(Trigger.Request())
            self._future.add_done_callback(self._on_answer)

    def _tick(self) -> None:
        try:
            if self._future is None:
                self._send()
        except InvalidHandle:
            self._finish(False, f'{self._service}: the node was cleaned up during the call')
            return
        if time.monotonic() >= self._deadline_s:
            state = 'there is no such service' if self._future is None else 'no answer'
            if self._future is not None:
                self._client.remove_pending_request(self._future)
            self._finish(False, f'service {self._service}: {state} for {self._timeout_s:g} s; '
                                'is the node that offers it running?')

    def _on_answer(self, future: Any) -> None:
        answer = future.result()
        self._finish(bool(answer.success), str(answer.message))

    def _finish(self, success: bool, message: str) -> None:
        if self._timer is None:
            return
        self._node.destroy_timer(self._timer)
        self._timer = None
        self._done(success, message)
