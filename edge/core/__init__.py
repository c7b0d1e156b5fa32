"""What should happen?  Pure: values in, values out, told the time.

``decision`` says yes or no with one reason, ``door`` says what the door does about it, ``evidence`` weighs what
the camera saw, ``passes`` and ``credentials`` are the rights that are weighed, ``clock`` and ``freshness`` say how
far the node may believe itself, ``events`` are the facts that remain.  Nothing here knows the time of day, a disk,
a network, asyncio, numpy or the wire.
"""
