"""Writing to guests: by e-mail, webhook, SMS gateway, or on paper.

A plug-in of the group ``gatehouse.notifiers`` is a ``Way``: the keys its table may have, and how it is opened.  What it
is handed is an address, a text and a link; who the guest is it never learns.
"""
