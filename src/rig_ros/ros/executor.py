"""An executor for one thread that wakes up cheaply; rclpy's own costs more than most callbacks.

rclpy's `SingleThreadedExecutor` builds a wait set and a task for each callback, and wakes itself
twice after it. Measured at 30 pictures per second on two busy cores, that was about 1 ms per
message and node, three times on the way from picture to command. This one keeps the wait set,
runs every callback that is ready, in rclpy's order, and makes no tasks. Callbacks are plain
functions: none of this project waits inside a callback.

It stands on parts of rclpy that are not public. `make_executor` returns rclpy's own executor where
they are not as expected (checked: 7.1.6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation

WAIT_FOR_EVER = -1
NEEDED = ('_take_subscription', '_take_timer', '_take_client', '_take_service', '_take_waitable',
          '_tasks', '_tasks_lock', '_guard', '_sigint_gc', '_context')


class NodeExecutor(SingleThreadedExecutor):
    """See the module; the difference shows in `spin` only."""

    def __init__(self, **kwargs: Any) -> None:
        """Make an executor; `kwargs` go to rclpy's."""
        super().__init__(**kwargs)
        self._wait_set: Any = None
        self._sizes: tuple[int, ...] = ()

    def spin(self) -> None:
        """Run callbacks until the context ends.

        Raises:
            ExternalShutdownException: the context ended while it waited, by a signal for example.
        """
        while self._context.ok() and not self._is_shutdown:
            self.turn()

    def turn(self, timeout_ns: int = WAIT_FOR_EVER) -> None:
        """Wait until something is ready, then run all that is.

        Args:
            timeout_ns: wait no longer [ns]; negative waits for ever.
        """
        self._run_tasks()
        nodes = self.get_nodes()
        subscriptions = [s for node in nodes for s in node.subscriptions]
        timers = [t for node in nodes for t in node.timers]
        clients = [c for node in nodes for c in node.clients]
        services = [s for node in nodes for s in node.services]
        waitables = [w for node in nodes for w in node.waitables]
        events = sum(w.get_num_entities().num_events for w in waitables)
        sizes = (len(subscriptions), 2, len(timers), len(clients), len(services), events)
        if sizes != self._sizes:
            self._wait_set = rclpy_implementation.WaitSet(*sizes, self._context.handle)
            self._sizes = sizes
        wait_set = self._wait_set
        wait_set.clear_entities()
        for subscription in subscriptions:
            wait_set.add_subscription(subscription.handle)
        for timer in timers:
            wait_set.add_timer(timer.handle)
        for client in clients:
            wait_set.add_client(client.handle)
        for service in services:
            wait_set.add_service(service.handle)
        wait_set.add_guard_condition(self._guard.handle)
        wait_set.add_guard_condition(self._sigint_gc.handle)
        for waitable in waitables:
            waitable.add_to_wait_set(wait_set)
        wait_set.wait(timeout_ns)
        if self._is_shutdown or not self._context.ok():
            raise ExternalShutdownException()

        ready = [w for w in waitables if w.is_ready(wait_set)]
        pointers = {kind: wait_set.get_ready_entities(kind)
                    for kind in ('timer', 'subscription', 'client', 'service')}
        for waitable in ready:
            self._run(self._take_waitable, waitable)
        self._run_ready(self._take_timer, timers, pointers['timer'])
        self._run_ready(self._take_subscription, subscriptions, pointers['subscription'])
        self._run_ready(self._take_client, clients, pointers['client'])
        self._run_ready(self._take_service, services, pointers['service'])

    def _run_ready(self, take: Callable[[Any], Any], entities: list[Any],
                   pointers: list[int]) -> None:
        if not pointers:
            return
        for entity in [e for e in entities if e.handle.pointer in pointers]:
            if take != self._take_timer or entity.handle.is_timer_ready():
                self._run(take, entity)

    def _run(self, take: Callable[[Any], Any], entity: Any) -> None:
        """Take what is ready and run its callback; what was destroyed meanwhile gives None."""
        execute = take(entity)
        if execute is None:
            return
        coroutine = execute()
        try:
            coroutine.send(None)
        except StopIteration:
            return
        coroutine.close()
        raise TypeError(f'{entity}: its callback waits, which this executor does not support')

    def _run_tasks(self) -> None:
        """Run what futures left to do: the callbacks of service calls."""
        while self._tasks:
            with self._tasks_lock:
                tasks, self._tasks = self._tasks, []
            for task, *_ in tasks:
                task()
                if task.exception() is not None:
                    raise task.exception()


def make_executor(**kwargs: Any) -> SingleThreadedExecutor:
    """Return a `NodeExecutor`, or rclpy's own where rclpy is not as expected."""
    executor = NodeExecutor(**kwargs)
    if all(hasattr(executor, name) for name in NEEDED):
        return executor
    return SingleThreadedExecutor(**kwargs)


def turn(executor: SingleThreadedExecutor, timeout_s: float) -> None:
    """Wait for something at most so long [s] and handle what there is."""
    if isinstance(executor, NodeExecutor):
        executor.turn(int(1e9 * timeout_s))
    else:
        executor.spin_once(timeout_sec=timeout_s)
