"""The HTTP interface, version 1: imports and the dashboard for staff, a guest's own key and consents, and a pulse.

``v1`` is the router the composition adds to the pages; ``problems`` turns every no into problem details
(RFC 9457); ``shapes`` is what travels.
"""
