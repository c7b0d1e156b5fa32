"""How the service remembers: tables, dialects and migrations.

``tables`` is the shape, in SQLAlchemy Core; ``open_engine`` opens SQLite (WAL, synchronous=FULL,
secure_delete=ON) or any other database by DSN; ``migrations/`` holds numbered SQL files, never edited.
"""
