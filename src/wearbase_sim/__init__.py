"""A stand-in for the WHOOP cloud, for developers of WHOOP apps."""

from wearbase_sim.options import Options
from wearbase_sim.server import create_app, run

__all__ = ["Options", "create_app", "run"]
