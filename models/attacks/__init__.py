"""Simulated attacks on a door, and what the door made of them (faces.md §11.4).  A tool; no gate loads it.

Everything here is made by drawing on a real clip and is called ``simulated`` wherever it is counted: it tries the
door's rules again and again, and says nothing about real prints and screens before a real camera.
"""
