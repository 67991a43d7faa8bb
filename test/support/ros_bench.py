"""Nodes in one process and one context, driven by the test: no threads, no sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from rig_ros.ros.lifecycle import RigNode
from rig_ros.ros.topics import Topic

N = TypeVar('N', bound=RigNode)


class RosBench:
    """Use as a context manager; `probe` is a plain node for the test's own ends of the wires."""

    def __init__(self) -> None:
        self.context = Context()
        self.context.init(args=['test'])
        self.executor = SingleThreadedExecutor(context=self.context)
        self.probe = Node('probe', context=self.context, enable_rosout=False,
                          start_parameter_services=False)
        self.executor.add_node(self.probe)
        self._nodes: list[RigNode] = []

    def __enter__(self) -> RosBench:
        return self

    def __exit__(self, *_: object) -> None:
        for node in self._nodes:
            self.remove(node)
        self.executor.shutdown()
        self.probe.destroy_node()
        self.context.try_shutdown()

    def add(self, node_class: type[N], *, start: bool = True, **parameters: Any) -> N:
        """Make a node; `start` configures and activates it."""
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        node = node_class(context=self.context, parameter_overrides=overrides)
        self._nodes.append(node)
        self.executor.add_node(node)
        if start:
            assert node.start(), node.failure
        return node

    def remove(self, node: RigNode) -> None:
        """End a node as the end of its process would."""
        if node in self._nodes:
            self._nodes = [other for other in self._nodes if other is not node]
            node.stop()
            self.executor.remove_node(node)
            node.destroy_node()

    def publisher(self, topic: Topic) -> Any:
        """Return a publisher of the probe."""
        return self.probe.create_publisher(topic.type, topic.name, topic.qos('publish'))

    def collect(self, topic: Topic) -> list[Any]:
        """Return a list that fills with the topic's messages."""
        messages: list[Any] = []
        self.probe.create_subscription(topic.type, topic.name, messages.append,
                                       topic.qos('record'))
        return messages

    def until(self, condition: Callable[[], object], timeout_s: float = 10.0) -> None:
        """Spin until the condition holds; fail when it does not in time."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, 'the condition did not come true in time'
            self.executor.spin_once(timeout_sec=0.02)

    def spin_for(self, duration_s: float) -> None:
        """Spin, to show that something does not happen."""
        deadline = time.monotonic() + duration_s
        while time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.02)

    def connected(self, *publishers: Any) -> None:
        """Wait until each publisher has a reader."""
        self.until(lambda: all(p.get_subscription_count() > 0 for p in publishers))

    def call(self, service: str) -> Trigger.Response:
        """Call a Trigger and return its answer."""
        client = self.probe.create_client(Trigger, service)
        self.until(client.service_is_ready)
        future = client.call_async(Trigger.Request())
        self.until(future.done)
        self.probe.destroy_client(client)
        return future.result()

    def answer(self, service: str, success: bool = True, message: str = '') -> list[int]:
        """Offer a Trigger; return a list that grows with each call."""
        calls: list[int] = []

        def respond(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            calls.append(1)
            response.success, response.message = success, message
            return response

        self.probe.create_service(Trigger, service, respond)
        return calls
