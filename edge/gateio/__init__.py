"""Door input and output: the small process that touches wires, and the client for its socket.

``outputs`` and ``board`` decide, told the time; ``hands`` holds the lines; ``desk`` and ``server`` talk to the
node; ``process`` turns the one loop around them.  ``client`` and ``lock`` are the node's side and the only
files here that know asyncio.
"""
