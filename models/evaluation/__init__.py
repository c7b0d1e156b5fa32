"""How well an engine knows faces, measured through the code a node runs (faces.md §12).

A folder of photos (``Identity/*.jpg``) goes through the engine once; the vectors stay in the report's own folder.
Protocols turn them into figures, every rate with its bounds, every report with the limits of its data.
Nothing here is loaded by a node.
"""
