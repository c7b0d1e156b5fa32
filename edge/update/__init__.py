"""How a node takes a release: papers are judged, the program is swapped and looked at, and taken back if it is not well."""
