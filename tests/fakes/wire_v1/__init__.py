"""Version 1 of the wire as it was released, both ends: frozen.  A change in here would prove nothing."""
