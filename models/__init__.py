"""Face models, used by nodes only.

``engine`` says what an engine promises, ``engines/`` hold one runtime each, ``manifest`` finds and hashes the
weights, ``calibration`` turns measured error rates into thresholds, ``gallery`` matches, ``template`` makes
what is enrolled.
"""
