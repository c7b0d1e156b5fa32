"""The guest on a phone: one link, no app, no login.  The token in the address is all the authority there is.

``pages`` answers, ``steps`` says what comes next, ``words`` says no, ``shown`` is what the templates are given.
"""
