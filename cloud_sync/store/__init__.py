"""How the service remembers: tables, dialects and migrations.

``tables`` is the shape, in SQLAlchemy Core; ``engine.open_database`` opens it on SQLite (WAL, synchronous=FULL,
secure_delete=ON); ``migrations/`` holds numbered SQL files, never edited once released.
"""

from cloud_sync.store import tables_identity as tables_identity  # its tables are part of the shape, always
