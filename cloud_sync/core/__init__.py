"""What the community's records mean: values in, values out, told the time and the dice.

``lifecycles`` are the transition tables and ``guards`` the predicates they name; ``codes`` makes and checks
identifiers; ``policy`` is what a jurisdiction may change; ``issue`` says how a pass should stand; ``books``,
``reconcile``, ``rules_stay`` and ``rules_node`` compare what was booked, registered and seen; ``cases`` is what people
do about it, with its clocks, and ``roles`` who may.
"""
