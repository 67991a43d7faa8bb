"""Puts the fake robot on a real ROS 1 master: run by the Python that has rospy and the SDK.

    python3 ros1_bridge.py FAKE_ROBOT_SOCKET

Standard library, rospy and messages only. Services for kinematics exist and answer nothing.
"""

import json
import socket
import struct
import sys
import threading

import rospy
from intera_core_msgs.msg import (
    CollisionDetectionState,
    EndpointState,
    EndpointStates,
    JointCommand,
    RobotAssemblyState,
)
from intera_core_msgs.srv import (
    SolvePositionFK,
    SolvePositionFKResponse,
    SolvePositionIK,
    SolvePositionIKResponse,
)
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Empty, Float64

HEAD = struct.Struct('>II')
LIMB = '/robot/limb/right/'
KINEMATICS = '/ExternalTools/right/PositionKinematicsNode/'
OUT = {'/robot/joint_states': JointState, '/robot/state': RobotAssemblyState,
       LIMB + 'endpoint_state': EndpointState, LIMB + 'tip_states': EndpointStates,
       LIMB + 'collision_detection_state': CollisionDetectionState}
PARAMETERS = ('/robot_description', '/robot_config/assembly_names',
              '/robot_config/right_config/joint_names',
              '/manifest/robot_software/version/HLR_VERSION_STRING')


def fill(message, values):
    """Set a message's fields from a dictionary."""
    for name, value in values.items():
        if isinstance(value, dict):
            fill(getattr(message, name), value)
        elif name == 'states':
            message.states = [fill(EndpointState(), one) for one in value]
        else:
            setattr(message, name, value)
    if hasattr(message, 'header'):
        message.header.stamp = rospy.Time.now()
    return message


class Bridge:
    """One connection to the fake robot."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lock = threading.Lock()

    def send(self, **value):
        text = json.dumps(value).encode()
        with self.lock:
            self.socket.sendall(HEAD.pack(len(text), 0) + text)

    def exactly(self, count):
        received = b''
        while len(received) < count:
            part = self.socket.recv(count - len(received))
            if not part:
                sys.exit('the fake robot is gone')
            received += part
        return received

    def frame(self):
        text, blob = HEAD.unpack(self.exactly(HEAD.size))
        value = json.loads(self.exactly(text))
        self.exactly(blob)
        return value

    def parameter(self, name):
        self.send(op='param', name=name, id=1)
        return self.frame()['value']

    def publish(self, topic, message):
        self.send(op='publish', topic=topic, message=message)


def main():
    bridge = Bridge(sys.argv[1])
    rospy.init_node('fake_robot')
    for name in PARAMETERS:
        rospy.set_param(name, bridge.parameter(name))
    rospy.Service(KINEMATICS + 'IKService', SolvePositionIK, lambda _: SolvePositionIKResponse())
    rospy.Service(KINEMATICS + 'FKService', SolvePositionFK, lambda _: SolvePositionFKResponse())
    rospy.Subscriber(LIMB + 'joint_command', JointCommand, lambda m: bridge.publish(
        LIMB + 'joint_command', {'names': m.names, 'mode': m.mode, 'velocity': list(m.velocity),
                                 'position': list(m.position)}), tcp_nodelay=True)
    rospy.Subscriber(LIMB + 'joint_command_timeout', Float64, lambda m: bridge.publish(
        LIMB + 'joint_command_timeout', {'data': m.data}))
    rospy.Subscriber('/robot/set_super_enable', Bool, lambda m: bridge.publish(
        '/robot/set_super_enable', {'data': m.data}))
    for name in ('/robot/set_super_reset', '/robot/set_super_stop'):
        rospy.Subscriber(name, Empty, lambda _, name=name: bridge.publish(name, {}))
    publishers = {topic: rospy.Publisher(topic, kind, queue_size=1, tcp_nodelay=True)
                  for topic, kind in OUT.items()}
    for topic in OUT:
        bridge.send(op='subscribe', topic=topic)
    while not rospy.is_shutdown():
        frame = bridge.frame()
        if frame['op'] == 'message':
            topic = frame['topic']
            publishers[topic].publish(fill(OUT[topic](), frame['message']))


if __name__ == '__main__':
    main()
