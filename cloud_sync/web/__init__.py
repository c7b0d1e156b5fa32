"""The pages people open: first run, login, the community's dashboard, the gate staff's page, and live streams.

``app`` puts them together from ``services`` (the ports this room is given); ``board`` turns what the store
says into what a page shows, ``words`` and ``texts`` say it in Chinese and English, ``render`` prints it,
``hub`` and ``live`` carry fresh entries to open pages; ``tls`` and ``serve`` put it on a socket.
"""
