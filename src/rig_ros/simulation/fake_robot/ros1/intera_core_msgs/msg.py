"""Message types, as names only: messages are plain objects with the real ones' attributes."""


class JointCommand:
    """See the real one."""

    POSITION_MODE = 1
    VELOCITY_MODE = 2


class EndpointState:
    """See the real one."""


class RobotAssemblyState:
    """See the real one."""


class CollisionDetectionState:
    """See the real one."""
