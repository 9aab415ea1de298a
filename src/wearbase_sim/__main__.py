"""`python -m wearbase_sim`."""

import os
import sys
from dataclasses import replace

from wearbase_sim.options import BadOption, from_args
from wearbase_sim.server import run


def main() -> None:
    """Parse, then serve."""
    try:
        options = from_args(sys.argv[1:], os.environ)
    except BadOption as error:
        sys.exit(f"wearbase_sim: {error}")
    run(replace(options, log_requests=True))


if __name__ == "__main__":
    main()
