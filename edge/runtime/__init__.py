"""In what order, how long, and if it fails?  Knows ports and core, never drivers, SQL, MQTT or the wire.

``watch`` runs in a process of its own and turns pictures into numbers; ``gate`` is the loop of one door;
``node`` holds the doors of one node together; ``enrol`` and ``erase`` are what happens to templates.
"""
