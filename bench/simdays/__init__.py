"""A simulated day: the real engine against the simulator, both in this process, on one virtual clock."""
