"""Events in a Parquet file: every column of the table as it is, the body byte for byte."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cloud_sync.errors import StoreError
from cloud_sync.store.tables import event

COLUMNS = tuple(column.name for column in event.columns)
ROWS_PER_GROUP = 10_000

Row = tuple[Any, ...]


def write_file(path: Path, rows: Sequence[Row]) -> None:
    """Written beside its place and moved there whole, once it is on the disk; readable by its owner only.

    Raises:
        StoreError: the folder cannot be written; nothing is left at ``path``.
    """
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([pa.field(one.name, _kind(one.type), bool(one.nullable)) for one in event.columns])
    columns = [[row[at] for row in rows] for at in range(len(COLUMNS))]
    table = pa.Table.from_arrays(
        [pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)],
        schema=schema,
    )
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as out:
            parquet.write_table(table, out, compression="zstd", row_group_size=ROWS_PER_GROUP)
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
        _settle(path.parent)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise StoreError(f"{path}: the archive cannot be written ({error.strerror or error}).") from error


def _settle(folder: Path) -> None:
    """The name itself is on the disk when this returns."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _kind(kind: sa.types.TypeEngine[Any]) -> Any:
    import pyarrow as pa

    if isinstance(kind, sa.BigInteger):
        return pa.int64()
    return pa.binary() if isinstance(kind, sa.LargeBinary) else pa.string()


def read_file(path: Path) -> Iterator[Row]:
    """Its rows in the order of the columns of ``event``, a group at a time.

    Raises:
        StoreError: not there, or not one of ours.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            if tuple(file.schema_arrow.names) != COLUMNS:
                raise StoreError(f"{path}: it does not hold events as this version writes them.")
            for group in file.iter_batches(ROWS_PER_GROUP):
                yield from zip(*(column.to_pylist() for column in group.columns), strict=True)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{path}: it cannot be read ({' '.join(str(error).split())}).") from error
