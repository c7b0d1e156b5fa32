"""What discrepancies propose about a listing's conduct, laid before the people who decide: points, and steps of the ladder."""

from collections.abc import Mapping

import structlog

from cloud_sync.core.conduct import Rule
from cloud_sync.core.discrepancies import PROPOSALS, Step
from cloud_sync.errors import Refused
from cloud_sync.store import points, sanctions
from cloud_sync.store.catalogue import rules_of
from cloud_sync.store.follow_ups import FollowUp, take_up, waiting
from cloud_sync.store.house import Act, House, acting

AT_ONCE = 100  # the rest waits for the next beat
ACTOR = "rule"

log = structlog.get_logger()


def propose_all(house: House) -> int:
    """Everything that waits and has a rule in the community's catalogue, once; how many proposals were laid before people.

    What has no listing, or no rule, goes on waiting for a person (``gatehouse-sync reconcile follow-ups``).
    """
    made = 0
    for asked in waiting(house, PROPOSALS)[:AT_ONCE]:
        with acting(house, ACTOR, "system") as act:
            rule = _by_kind(rules_of(act)).get(asked.kind)
            if asked.listing is None or rule is None:
                continue
            made += _proposed(act, asked, asked.listing, rule)
            take_up(act, asked.discrepancy, asked.step)
    return made


def _by_kind(rules: Mapping[str, Rule]) -> dict[str, Rule]:
    return {rule.evidence: rule for rule in rules.values()}


def _proposed(act: Act, asked: FollowUp, listing: str, rule: Rule) -> bool:
    try:
        if asked.step is Step.POINTS and rule.points:
            points.propose(act, listing, rule.id, (asked.discrepancy,), f"rule {rule.id}")
            return True
        if asked.step is Step.TIER and rule.tier:
            sanctions.propose_by_rule(act, listing, rule.id, asked.discrepancy)
            return True
    except Refused as error:  # the ledger of a banned listing is frozen: there is nothing left to propose
        log.info("not_proposed", discrepancy=asked.discrepancy, rule=rule.id, why=str(error))
    return False
