"""What can go wrong between a door and the service's database, done to the evening's real programs (sync.md §13).

``ground`` is the evening and what can be seen of it from outside, ``kinds`` the faults with their weights, ``planted``
what a stranger at the broker says, ``storm`` the loop: strike, live on, wait until all is well again, note how long it
took.  ``demo.fault`` plays it, ``demo.counting`` counts.
"""
