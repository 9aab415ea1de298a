"""The remote control of the simulator, for tests and demos."""
