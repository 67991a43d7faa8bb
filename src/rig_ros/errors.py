"""The one exception tree: every error a user can cause or must act on.

A message says what is wrong, the value found, what is allowed, and what to do next.
"""

from __future__ import annotations


class RigError(Exception):
    """Base of all errors raised on purpose by rig_ros."""


class ConfigError(RigError):
    """Raised when a parameter, YAML file or command-line value is not usable."""


class DataError(RigError):
    """Raised when a picture, message or recording is not what it must be."""


class ModelMismatch(RigError):
    """Raised when a model, latent or goal belongs to another encoder, task or format."""


class SafetyViolation(RigError):
    """Raised when a command or state would leave the limits motion is allowed in."""


class HardwareError(RigError):
    """Raised when a device (camera, arm, disk) is missing, silent or failing."""
