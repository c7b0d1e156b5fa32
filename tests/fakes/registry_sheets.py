"""A small spreadsheet with one row for each bucket, and the roll it is laid beside."""

import csv
from collections.abc import Sequence
from pathlib import Path

from cloud_sync.core.columns import Kind
from cloud_sync.ports_imports import ImportSummary
from cloud_sync.store.registry_import import RegistryImport
from tests.fakes.web_house import WebHouse

ROLL = (("张三丰", "东方新城二期3栋2单元1801"), ("李四光", "东方新城二期3栋2单元1802"))
ROWS = (
    ("張三豐", "3棟2單元1801"),
    ("LI SIGUANG", "3-2-1802"),
    ("王五一", "3幢2-1802"),
    ("赵小六", "9栋1单元101"),
    ("钱七七", "门卫室旁"),
)


def bring(
    house: WebHouse, folder: Path, name: str, rows: Sequence[tuple[str, str]], *, adopt: bool = False
) -> ImportSummary:
    path = folder / name
    with path.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows([("姓名", "地址"), *rows])
    return RegistryImport(house.house, path, Kind.HOUSEHOLDS, actor="chen", adopt=adopt).run(dry_run=False)
