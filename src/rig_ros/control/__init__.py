"""Pure control logic: tasks, actions, the guard, kinematics, episodes. numpy only."""
