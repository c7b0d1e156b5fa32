"""Whether somebody with a login has any duty now: dates hold for everything a login opens, not for judging alone."""

import sqlalchemy as sa

from cloud_sync.store import tables
from cloud_sync.store.tables_model import duty, operator


def is_off_duty(now_ms: int) -> sa.ColumnElement[bool]:
    """Of a row of ``user``: duties are on record and none is current.

    Who never had one has the community for good, as the administrator of a small one does; an operator's own login
    lasts as long as it is bound, whatever it did for others meanwhile.
    """
    mine = (duty.c.community == tables.user.c.community, duty.c.user == tables.user.c.name)
    current = (duty.c.from_ms <= now_ms, sa.or_(duty.c.until_ms.is_(None), duty.c.until_ms > now_ms))
    own = sa.exists().where(
        operator.c.community == tables.user.c.community, operator.c.user == tables.user.c.name
    )
    return sa.and_(sa.exists().where(*mine), ~sa.exists().where(*mine, *current), ~own)
