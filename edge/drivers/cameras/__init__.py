"""Cameras: the newest picture and its time, nothing queued."""
