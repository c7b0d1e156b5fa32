"""Everything that runs on a gate node.

``core`` decides and never touches the world; ``runtime`` carries decisions out; ``drivers``, ``gateio``,
``store``, ``link`` and ``kiosk`` are the hands.  ``compose`` is the one room that knows which hands this
node has.
"""
