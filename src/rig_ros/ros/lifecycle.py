"""The base of every node: life cycle, wiring, time, and what it says about itself.

A node is thin: parameters, wires, and calls of one ROS-free class.

    @dataclass(frozen=True)
    class EncoderParameters(CommonParameters):
        plot: bool = param(False, 'Publish latent/plot as well.')

    class EncoderNode(RigNode):
        NAME = 'encoder'
        PARAMETERS = EncoderParameters
        settings: EncoderParameters

        def configure(self) -> None:            # load and open; raise a RigError when it fails
            self._encoder = Encoder(self.settings.bundle)
            self._latents = self.publish_on(topics.LATENT)
            self.listen(topics.CAMERA_IMAGE, self._on_image)
            self.offer('encoder/check', self._check)    # Trigger; returns the message
            self.every(0.1, self._watch)        # steady clock: works when /clock stands still

        def _on_image(self, message: Image) -> None:    # a RigError refuses this message
            mean, log_variance = self._encoder.encode(image_to_array(message))
            self._latents.publish(latent_to_cloud(mean, log_variance, self._encoder.id,
                                                  message.header.stamp))

        def cleanup(self) -> None:              # wires are removed for you
            self._encoder.close()

    def main() -> None:
        run(EncoderNode)

Wires are made in `configure` and removed after `cleanup`. Callbacks run only while active.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from typing import Any, ClassVar, cast

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos_overriding_options import QoSOverridingOptions
from std_srvs.srv import Trigger

from rig_ros.errors import RigError
from rig_ros.ros import parameters, topics
from rig_ros.ros.diagnostics import Level, StatusBoard
from rig_ros.ros.parameters import CommonParameters
from rig_ros.ros.topics import Role, Topic
from rig_ros.ros.wiring import Answer, Caller, LateService, Listener, Publication

DIAGNOSTICS_PERIOD_S = 1.0
LOG_AGAIN_S = 1.0


class RigNode(LifecycleNode):
    """See the module. Subclasses set NAME and PARAMETERS and override the four hooks."""

    NAME: ClassVar[str]
    PARAMETERS: ClassVar[type[CommonParameters]] = CommonParameters

    def __init__(self, **kwargs: Any) -> None:
        """Declare parameters; `kwargs` go to rclpy's node (tests pass context, namespace...).

        Raises:
            ConfigError: a parameter is unknown, or its value is not allowed.
        """
        self._untyped: list[str] = []
        super().__init__(self.NAME, automatically_declare_parameters_from_overrides=True, **kwargs)
        self.steady_clock = Clock(clock_type=ClockType.STEADY_TIME)
        self.board = StatusBoard(self.NAME)
        self.active = False
        self.failure: Exception | None = None
        self._publications: list[Publication] = []
        self._listeners: list[tuple[Listener, Any]] = []
        self._watches: list[Any] = []
        self._services_offered: list[Any] = []
        self._callers: dict[str, Caller] = {}
        self._timers_made: list[Any] = []
        self._logged_s: dict[tuple[str, Level], float] = {}
        self._configured = False
        self.settings = parameters.declare(self, self.PARAMETERS, tuple(self._untyped))
        self.add_on_set_parameters_callback(
            lambda changed: parameters.check_change(self.settings, changed, self.NAME))
        self.add_post_set_parameters_callback(self._apply_change)
        self._diagnostics = self.create_publisher(
            topics.DIAGNOSTICS.type, topics.DIAGNOSTICS.name, topics.DIAGNOSTICS.qos('publish'))
        alive = topics.alive(self.NAME)
        self._alive = self.create_publisher(alive.type, alive.name, alive.qos('publish'))
        self._diagnosed_s = time.monotonic()
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._diagnose, clock=self.steady_clock)

    def declare_parameters(self, namespace: str, parameters: list[Any],
                           ignore_override: bool = False) -> list[Parameter]:
        """Declare, but not what has no type: YAML's `[]`, which stands for the default."""
        typed = [entry for entry in parameters if len(entry) < 2 or entry[1] is not None]
        self._untyped += [entry[0] for entry in parameters if entry not in typed]
        return super().declare_parameters(namespace, typed, ignore_override)

    # Hooks -------------------------------------------------------------------------------------
    def configure(self) -> None:
        """Load, open and wire. Raise a RigError to refuse; what was wired is removed."""

    def activate(self) -> None:
        """Begin: callbacks run and messages leave from here on."""

    def deactivate(self) -> None:
        """Stop: the last chance to publish."""

    def cleanup(self) -> None:
        """Close what `configure` opened; must tolerate that it opened only a part."""

    # Wiring ------------------------------------------------------------------------------------
    def publish_on(self, topic: Topic, *, always: bool = False) -> Publication:
        """Return a publication; `always` publishes while inactive too (status of the node)."""
        publisher = self.create_publisher(
            topic.type, topic.name, topic.qos('publish'),
            event_callbacks=PublisherEventCallbacks(use_default_callbacks=not topic.fast),
            qos_overriding_options=QoSOverridingOptions.with_default_policies())
        publication = Publication(self, topic, publisher, always)
        self._publications.append(publication)
        return publication

    def listen(self, topic: Topic, callback: Callable[[Any], None], role: Role = 'live',
               name: str = '') -> Listener:
        """Subscribe; see `Listener` for refusals. `name` overrides the topic's own name."""
        listener = Listener(self, topic, callback)
        subscription = self.create_subscription(
            topic.type, name or topic.name, cast(Any, listener), topic.qos(role),
            event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=not topic.fast),
            qos_overriding_options=QoSOverridingOptions.with_default_policies())
        self._listeners.append((listener, subscription))
        return listener

    def unlisten(self, listener: Listener) -> None:
        """Remove a subscription before the node's cleanup: a message nobody needs costs time."""
        for pair in [pair for pair in self._listeners if pair[0] is listener]:
            self._listeners.remove(pair)
            self.destroy_subscription(pair[1])

    def watch_process(self, node: str, changed: Callable[[bool], None]) -> None:
        """Call `changed(alive)` when the process of another node comes, is killed or stopped.

        The middleware tells it within `topics.ALIVE_LEASE_S`, whatever that node publishes.
        """
        topic = topics.alive(node)

        def told(status: Any) -> None:
            changed(status.alive_count > 0)

        self._watches.append(self.create_subscription(
            topic.type, topic.name, lambda _: None, topic.qos('live'),
            event_callbacks=SubscriptionEventCallbacks(
                liveliness=told)))

    def offer(self, service: str, callback: Callable[[], str | None]) -> None:
        """Offer a Trigger; the callback returns the message, a RigError is the refusal."""
        def answer(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            if not self.active:
                response.message = f'{self.NAME} is not active; activate the node first'
                return response
            try:
                response.message = callback() or ''
                response.success = True
            except RigError as error:
                response.message = str(error)
                self.report(Level.ERROR, str(error), part=service)
            return response
        self._services_offered.append(self.create_service(Trigger, service, answer))

    def offer_later(self, service: str, begin: Callable[[Answer], None]) -> None:
        """Offer a Trigger that takes its time; `begin(answer)` returns at once."""
        def start(answer: Answer) -> None:
            if self.active:
                begin(answer)
            else:
                answer(False, f'{self.NAME} is not active; activate the node first')
        self._services_offered.append(LateService(self, service, start).service)

    def call(self, service: str, done: Callable[[bool, str], None],
             timeout_s: float = 5.0) -> None:
        """Call a Trigger without waiting; `done(success, message)` runs once, later."""
        if service not in self._callers:
            self._callers[service] = Caller(self, service)
        self._callers[service].call(done, timeout_s)

    def every(self, period_s: float, callback: Callable[[], None]) -> None:
        """Run a callback on the steady clock while active, whatever `/clock` does."""
        def tick() -> None:
            if self.active:
                callback()
        self._timers_made.append(self.create_timer(period_s, tick, clock=self.steady_clock))

    # Time --------------------------------------------------------------------------------------
    def now_ns(self) -> int:
        """Return the ROS clock (simulated where `use_sim_time`) in nanoseconds."""
        return int(self.get_clock().now().nanoseconds)

    def now_stamp(self) -> Time:
        """Return the ROS clock as a stamp."""
        return self.get_clock().now().to_msg()

    def clock_s(self) -> float:
        """Return the ROS clock in seconds."""
        return 1e-9 * self.now_ns()

    # Diagnostics -------------------------------------------------------------------------------
    def report(self, level: Level, message: str, *, part: str = 'state', **values: object) -> None:
        """State how a part of this node is, until the next report on that part.

        Logged when it changes (the same part and level at most once a second; from OK to OK only
        for debugging), published with the next diagnostics, at once when the level changes.
        """
        before = self.board.level(part)
        if not self.board.set(part, level, message, dict(values)):
            return
        now = time.monotonic()
        if now - self._logged_s.get((part, level), -LOG_AGAIN_S) >= LOG_AGAIN_S:
            self._logged_s[part, level] = now
            text = f'{part}: {message}'
            logger = self.get_logger()
            if not self.context.ok():  # the process ends; rosout is gone
                logging.getLogger(self.NAME).log(10 * (1 + int(level)), text)
            elif level is Level.OK and before is Level.OK:
                logger.debug(text)
            elif level is Level.OK:
                logger.info(text)
            elif level is Level.WARN:
                logger.warning(text)
            else:
                logger.error(text)
        if before != level:
            self._publish_diagnostics({})

    def _diagnose(self) -> None:
        now = time.monotonic()
        period, self._diagnosed_s = now - self._diagnosed_s, now
        figures: dict[str, str] = {'active': str(self.active)}
        for publication in self._publications:
            figures.update(publication.meter.take(publication.topic.name, period))
        for listener, _ in self._listeners:
            figures.update(listener.work.take(f'work on {listener.topic.name}', period))
        self._publish_diagnostics(figures)

    def _publish_diagnostics(self, figures: dict[str, str]) -> None:
        if self.context.ok():
            message = DiagnosticArray(status=self.board.statuses(figures))
            message.header.stamp = self.now_stamp()
            self._diagnostics.publish(message)

    # Life cycle --------------------------------------------------------------------------------
    def start(self) -> bool:
        """Configure and activate; return whether both worked, see `failure` when not."""
        success = TransitionCallbackReturn.SUCCESS
        return bool(self.trigger_configure() == success
                    and self.trigger_activate() == success)

    def stop(self) -> None:
        """Deactivate and clean up without the state machine: for the end of the process."""
        if self.active:
            self._attempt('deactivate', self.deactivate)
            self.active = False
        self._teardown()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run `configure`; a RigError leaves the node unconfigured."""
        self._configured = True
        if self._attempt('configure', self.configure):
            return TransitionCallbackReturn.SUCCESS
        self._teardown()
        return TransitionCallbackReturn.FAILURE

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run `activate`, then deliver latched messages that came before."""
        self.active = True
        if not self._attempt('activate', self.activate):
            self.active = False
            return TransitionCallbackReturn.FAILURE
        self.report(Level.OK, 'active')
        for listener, _ in self._listeners:
            listener.deliver_kept()
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run `deactivate`; the node is inactive afterwards in any case."""
        self._attempt('deactivate', self.deactivate)
        self.active = False
        self.report(Level.OK, 'inactive')
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run `cleanup` and remove all wires."""
        self._teardown()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop from any state."""
        self.stop()
        return TransitionCallbackReturn.SUCCESS

    def _attempt(self, what: str, hook: Callable[[], None]) -> bool:
        """Run a hook; rclpy would swallow what it raises, so log it here."""
        try:
            hook()
        except RigError as error:
            self.failure = error
            self.report(Level.ERROR, f'{what} failed: {error}')
        except Exception as error:
            self.failure = error
            if type(error).__module__.startswith('rclpy') and not self.context.ok():
                return False  # a signal ended the context in the middle of a call into ROS
            self.report(Level.ERROR, f'{what} failed: {type(error).__name__}: {error}')
            logging.getLogger(self.NAME).error(traceback.format_exc())
        else:
            return True
        return False

    def _teardown(self) -> None:
        if not self._configured:
            return
        self._configured = False
        self._attempt('cleanup', self.cleanup)
        for publication in self._publications:
            publication.destroy()
        for _, subscription in self._listeners:
            self.destroy_subscription(subscription)
        for watch in self._watches:
            self.destroy_subscription(watch)
        for service in self._services_offered:
            self.destroy_service(service)
        for caller in self._callers.values():
            caller.destroy()
        for timer in self._timers_made:
            self.destroy_timer(timer)
        for wires in (self._publications, self._listeners, self._watches,
                      self._services_offered, self._timers_made):
            wires.clear()
        self._callers.clear()

    def _apply_change(self, changed: list[Parameter]) -> None:
        self.settings = parameters.apply_change(self.settings, changed, self.NAME)
