"""One evening at the gate, played in acts by the real programs.

``world`` starts them, ``stage`` shows the cameras something, ``people`` invents who comes, ``acts`` is what
happens, ``count`` takes the figures from outside the actors, ``tell`` prints them.
"""
