"""`python -m wearbase_sim`."""

import os
import sys

from wearbase_sim.options import BadOption, from_args
from wearbase_sim.server import run


def main() -> None:
    """Parse, then serve."""
    try:
        options = from_args(sys.argv[1:], {"SIM_LOG_REQUESTS": "yes", **os.environ})
    except BadOption as error:
        sys.exit(f"wearbase_sim: {error}")
    run(options)


if __name__ == "__main__":
    main()
