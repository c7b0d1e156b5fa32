"""For pytest: ``MUTANT=drop:12 pytest -p sim.mutant_plugin …`` runs the tests against that mutant of the door's table,
``FAULT="pulse stacked" pytest …`` against that deliberate fault.
"""

import os

from sim.faults import fault_of
from sim.table_mutants import apply, mutant_of

if "MUTANT" in os.environ:
    apply(mutant_of(os.environ["MUTANT"]))
if "FAULT" in os.environ:
    fault_of(os.environ["FAULT"]).put_in()
