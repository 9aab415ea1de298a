"""`python -m wearbase_sim`."""

import os
import signal
import sys
import threading

from wearbase_sim.options import BadOption, from_args
from wearbase_sim.scenarios.reading import BadScenario, named
from wearbase_sim.server import run


def main() -> None:
    """Parse, then serve."""
    try:
        options = from_args(sys.argv[1:], {"SIM_LOG_REQUESTS": "yes", **os.environ})
        if options.scenario:
            named(options.scenario)
    except (BadOption, BadScenario) as error:
        sys.exit(f"wearbase_sim: {error}")
    if options.leashed:
        threading.Thread(target=_end_with_input, name="leash", daemon=True).start()
    run(options)


def _end_with_input() -> None:
    """Ends this process as SIGTERM does, once whoever holds the other end of standard input is gone, however it went."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
