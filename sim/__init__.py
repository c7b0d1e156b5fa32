"""A gate's nights, played in one thread and virtual time against the programs that run at a gate (docs/simulation.md).

Not installed: ``python -m sim`` from the repository.  The real decision, door machine, gate, command desk and gate-io
board run here between a simulated door, its wires, its people, its link and its clock; ``sim.invariants`` watches.
"""
