"""For pytest: ``MUTANT=drop:12 pytest -p sim.mutant_plugin …`` runs the tests against that mutant of the door's table."""

import os

from sim.table_mutants import apply, mutant_of

if "MUTANT" in os.environ:
    apply(mutant_of(os.environ["MUTANT"]))
