"""Runs one node as one process: start, spin on one thread, stop cleanly, tell how it ended.

Exit status 0 after SIGINT, SIGTERM or the end of the ROS context; 1 when the node could not be
made, configured or activated, or when a callback raised something it should not have. An error the
user can act on (`RigError`) is one line, anything else has its traceback.
"""

from __future__ import annotations

import gc
import logging
import signal
import sys
import traceback

import rclpy
from rclpy.executors import ExternalShutdownException

from rig_ros.errors import RigError
from rig_ros.ros.executor import make_executor
from rig_ros.ros.lifecycle import RigNode


def spin(node_class: type[RigNode], arguments: list[str] | None = None) -> int:
    """Make, start and spin a node until the process is told to end; return the exit status.

    Args:
        node_class: what to run.
        arguments: the command line; None takes the process's own.
    """
    logging.basicConfig(level=logging.INFO, format='[%(levelname)s] [%(name)s]: %(message)s')
    try:
        rclpy.init(args=arguments)
    except Exception as error:  # rclpy's error type for a bad YAML file or argument is private
        print_error(f'{node_class.NAME}: {error}')
        return 1
    node: RigNode | None = None
    try:
        executor = make_executor()
        node = node_class()
        if node.settings.autostart and not node.start():
            return 1 if rclpy.ok() else 0
        if not rclpy.ok():
            return 0
        gc.collect()
        gc.freeze()  # what is loaded now stays; later collections need not walk it
        executor.add_node(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RigError as error:
        print_error(f'{node_class.NAME}: {error}')
        return 1
    except Exception:
        if rclpy.ok():
            print_error(f'{node_class.NAME}: ended by an error in a callback\n'
                        f'{traceback.format_exc()}')
            return 1
        # A call into ROS that was under way when the signal ended the context.
    finally:
        ignore_signals()
        if node is not None:
            node.stop()
            node.destroy_node()
        rclpy.try_shutdown()
        ignore_signals()  # rclpy has put back what was before it
    return 0


def ignore_signals() -> None:
    """Let a second Ctrl-C not cut the closing short: a recording is being finished."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)


def print_error(text: str) -> None:
    """Write a fatal error where the supervisor and the user look: standard error."""
    sys.stderr.write(f'[ERROR] {text}\n')


def run(node_class: type[RigNode], arguments: list[str] | None = None) -> None:
    """Run a node and end the process with its exit status: the body of every node's `main`."""
    sys.exit(spin(node_class, arguments))
