"""Signs that a face is a person and not a picture of one (faces.md §11): pose, planarity, stream, continuity, judge.

Each says what it saw in a few numbers; what a door makes of them is the door's affair.  Blinking is not among them:
a waved photo shows as many blinks as a person, made by landmarks that tremble.  Pictures are kept in memory only, as
few and as small as the measure needs, and are overwritten when the face has gone.
"""
