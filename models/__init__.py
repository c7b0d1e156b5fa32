"""Face models, used by nodes only.

``engine`` says what an engine promises, ``engines/`` hold one runtime each, ``plugins`` finds them by name,
``manifest`` finds and hashes the weights, ``calibration`` turns measured error rates into thresholds, ``enrol``
makes a ``template`` from photos, ``gallery`` matches, ``track`` gathers the frames of one person at a door, and
``gates`` say which faces are good enough.
"""
