"""For pytest: ``FAULT="pulse stacked" pytest -p sim.fault_plugin …`` runs tests against that deliberate fault."""

import os

from sim.faults import fault_of

if "FAULT" in os.environ:
    fault_of(os.environ["FAULT"]).put_in()
