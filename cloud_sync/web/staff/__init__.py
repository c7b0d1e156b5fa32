"""The gate staff's page: what needs somebody now, one case, one door, one command.

``pages`` answers for cases and ``doors`` for doors, ``live`` carries news to open pages, ``shown`` is what the
templates are given, ``stale`` says what cannot be relied on, ``words`` says it all in two languages.
"""
