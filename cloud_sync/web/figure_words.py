"""The figures in words: what each is called, what is counted, and of what."""

from collections.abc import Mapping
from types import MappingProxyType

from cloud_sync.core.community_metrics import AGES, OLDEST
from cloud_sync.core.figures import Row, Why
from cloud_sync.web import words
from cloud_sync.web.listings.words import BANDS
from cloud_sync.web.morning import FAMILIES
from cloud_sync.web.registry_words import BUCKETS
from cloud_sync.web.row_words import KINDS
from cloud_sync.web.staff.prove_shown import LEVELS
from cloud_sync.web.staff.words import CLASSES
from cloud_sync.web.texts import Texts, mark
from cloud_sync.web.upstream import RECIPIENTS
from cloud_sync.web.words import CREDENTIALS, SEVERITIES

# Name, numerator, denominator; a plain number has none.
FIGURES: Mapping[str, tuple[str, str, str]] = MappingProxyType({
    "registration_rate": (mark("Registration rate, people"), mark("verified at or before their first entry"), mark("people with a first entry in the period")),
    "registration_by_level": (mark("Registration rate, by proofing level"), mark("verified in time, with this level"), mark("people with a first entry in the period")),
    "timely_report_rate": (mark("Timely report rate"), mark("acknowledged before the legal deadline"), mark("reports due in the period")),
    "coding_coverage": (mark("Coding coverage"), mark("active listings"), mark("active listings and units confirmed to let without a code")),
    "coding_of_dwellings": (mark("Coding, of all dwellings"), mark("active listings"), mark("dwellings on file")),
    "gap_operating": (mark("Registered, of those operating (census)"), mark("registered"), mark("units seen operating")),
    "gap_households": (mark("Registered, of all households (census)"), mark("registered"), mark("households")),
    "register_operating": (mark("Registered, of those known to operate (register)"), mark("units with an active listing"), mark("units with a coded listing, put down as short-let, or seen operating")),
    "register_households": (mark("Registered, of all dwellings (register)"), mark("units with an active listing"), mark("dwellings on file")),
    "register_census": (mark("The register beside the census"), mark("units with an active listing now"), mark("registered by the census")),
    "household_match_rate": (mark("Household match rate"), mark("rows that agree or seem to agree"), mark("rows of the newest household file")),
    "household_buckets": (mark("Household rows, by what became of them"), mark("rows in this bucket"), mark("rows of the newest household file")),
    "household_decided": (mark("Household rows decided by a person"), mark("rows somebody has decided"), mark("rows that somebody has to look at")),
    "household_activated": (mark("Households activated"), mark("activated"), mark("matched")),
    "stay_reconciliation_rate": (mark("Stay reconciliation rate"), mark("without an open discrepancy a day after they ended"), mark("stays that ended in the period, a day ago and more")),
    "true_registration_estimate": (mark("True registration, by spot checks"), mark("visits that found everybody registered"), mark("visits ever made")),
    "bed_occupancy": (mark("Bed occupancy"), mark("people in house now (not arrivals)"), mark("beds of active listings")),
    "expected_today": (mark("Expected today, stays"), mark("registered"), mark("stays expected today")),
    "arrivals_today": (mark("Arrivals today, stays"), mark("somebody of them has come in"), mark("stays expected today")),
    "departures_today": (mark("Departures today, stays"), mark("checked out"), mark("stays that end today")),
    "in_house": (mark("In house, people"), mark("last seen going in"), mark("members of open stays")),
    "refused_today": (mark("Refused today"), mark("refusals"), mark("decisions today")),
    "arrivals_by_hour": (mark("Arrivals today, by hour"), mark("stays with their first entry in this hour"), ""),
    "departures_by_hour": (mark("Departures today, by hour"), mark("stays checked out in this hour"), ""),
    "discrepancies_grave": (mark("Grave discrepancies"), mark("grave (S1, S2)"), mark("open discrepancies")),
    "discrepancy_close_median": (mark("Time to close a discrepancy, median"), mark("half took no longer"), mark("discrepancies closed in the period")),
    "discrepancy_close_p90": (mark("Time to close a discrepancy, nine of ten"), mark("nine of ten took no longer"), mark("discrepancies closed in the period")),
    "gates_online": (mark("Gates online"), mark("heard within 90 seconds"), mark("registered nodes")),
    "gates_lag_most": (mark("How far behind the slowest gate is"), mark("since its events are complete"), mark("nodes that have told something")),
    "gates_outbox": (mark("Events on the way"), mark("events the nodes hold and have not seen acknowledged"), ""),
    "gates_clock_most": (mark("Clock error, at most"), mark("the largest bound any node gives"), mark("nodes that have told something")),
    "gates_on_battery": (mark("Doors on battery"), mark("open alarms: the mains are gone"), mark("doors")),
    "decisions_by_credential": (mark("Decisions, by credential"), mark("with this credential"), mark("decisions in the period")),
    "gates_by_software": (mark("Nodes, by software"), mark("nodes with this version"), mark("nodes that have told something")),
    "decision_time_p95": (mark("Decision time, 95 of 100"), mark("milliseconds"), mark("decisions")),
    "false_rejects": (mark("False rejects reported"), mark("reports"), mark("decisions")),
    "path_success": (mark("Let in, by credential"), mark("let in"), mark("shown in the period")),
    "path_median": (mark("From the yes to having walked through, median"), mark("half took no longer, last 24 hours told"), mark("passages")),
    "override_rate": (mark("Admitted by staff"), mark("admitted by staff"), mark("decisions in the period")),
    "override_by_gate": (mark("Admitted by staff, by gate"), mark("admitted by staff"), mark("decisions at this door")),
    "override_by_shift": (mark("Admitted by staff, by hours of the day"), mark("admitted by staff"), mark("decisions in these hours")),
    "desk_avoided": (mark("Check-ins nobody had to help with"), mark("verified by the guest alone"), mark("registrations verified in the period")),
    "staff_minutes": (mark("Staff minutes per 100 arrivals"), mark("minutes"), mark("arrivals")),
    "face_people_now": (mark("People who agreed to their face"), mark("have not withdrawn"), mark("from which the community has to file")),
    "face_people_ever": (mark("People who ever agreed to their face"), mark("on record here; no more can have been stored at once"), mark("from which the community has to file")),
    "erase_p95": (mark("Time to erase a face, 95 of 100"), mark("95 of 100 took no longer"), mark("erasures asked in the period and confirmed")),
    "erasures_overdue": (mark("Erasures overdue"), mark("asked more than ten minutes ago"), mark("erasures no node has confirmed")),
    "consents_given": (mark("Consents given"), mark("said yes"), mark("members asked, of stays that began in the period")),
    "consents_refused": (mark("Consents refused"), mark("said no"), mark("members asked, of stays that began in the period")),
    "consents_withdrawn": (mark("Consents withdrawn"), mark("withdrawn since"), mark("consents to a face given in the period")),
    "traces_open": (mark("Traces that wait for a second person"), mark("waiting"), mark("asked for in the period, or still waiting")),
    "reports_acked": (mark("Reports acknowledged, by recipient"), mark("acknowledged"), mark("reports made in the period")),
    "reports_sent": (mark("Reports sent, by recipient"), mark("left at least once"), mark("reports made in the period")),
    "reports_rejected": (mark("Reports rejected or dead, by recipient"), mark("rejected, or a person has to look"), mark("reports made in the period")),
    "reports_pending": (mark("Reports pending, by recipient"), mark("waiting to be sent or for a receipt"), mark("reports made in the period")),
    "reports_oldest": (mark("Oldest report that waits, by recipient"), mark("the oldest waits that long"), mark("reports that wait")),
    "cases_open": (mark("Open cases"), mark("nobody has looked at yet"), mark("open cases")),
    "cases_closed": (mark("Cases closed, beside those opened"), mark("closed in the period"), mark("opened in the period")),
    "case_close_median": (mark("Time to close a case, median"), mark("half took no longer"), mark("cases closed in the period")),
    "case_close_p90": (mark("Time to close a case, nine of ten"), mark("nine of ten took no longer"), mark("cases closed in the period")),
    "alerts_decided": (mark("Alerts somebody has decided"), mark("a person said what it was"), mark("alerts of the period")),
    "alert_decision_median": (mark("From the alert to the decision, median"), mark("half took no longer"), mark("alerts decided in the period")),
    "alert_decision_p90": (mark("From the alert to the decision, nine of ten"), mark("nine of ten took no longer"), mark("alerts decided in the period")),
    "cases_reopened": (mark("Cases opened again"), mark("opened again in the period, within fourteen days"), mark("cases closed in the period")),
    "cases_first_receiver": (mark("Cases the first receiver held"), mark("never handed over"), mark("cases closed in the period")),
    "whistle_to_check_in": (mark("From the whistle to the check-in of a department"), mark("half took no longer"), mark("whistles that were signed")),
    "whistle_to_close": (mark("From the whistle to the close of a case"), mark("half took no longer"), mark("whistled cases closed")),
    "case_satisfaction": (mark("Satisfaction with cases"), mark("satisfied"), mark("answers")),
    "alarms_per_person": (mark("Alarms for each person in ten minutes"), mark("alerts that opened a case in the period"), mark("ten minutes of the period, times people who did anything with an alert")),
    "alarms_busiest": (mark("The busiest ten minutes"), mark("alerts that opened a case in the fullest ten minutes of the clock in the period"), ""),
    "floods": (mark("Floods of alarms"), mark("more than ten new cases in ten minutes, and one case stood for them"), ""),
    "chatter_sources": (mark("Sources that chattered"), mark("sources silenced by themselves in the period"), ""),
    "cases_stale": (mark("Stale cases"), mark("nothing was written about them for a day"), mark("open cases that are not silenced")),
    "shelved_now": (mark("Silenced now"), mark("silenced for a while"), mark("open cases")),
    "priority_mix": (mark("Alerts, by severity"), mark("of this severity"), mark("alerts that opened a case in the period")),
    "cases_by_family": (mark("Cases, by family"), mark("of this family"), mark("cases opened in the period")),
    "matters_by_class": (mark("Matters, by class"), mark("of this class"), mark("matters opened in the period")),
    "time_to_detect": (mark("From what was seen to its case, by kind"), mark("half took no longer"), mark("cases opened in the period")),
    "time_to_report": (mark("From the case to the first person who took it up, by kind"), mark("half took no longer"), mark("cases first taken up in the period")),
    "time_to_resolve": (mark("From the case to its resolution, by kind"), mark("half took no longer"), mark("cases first resolved or closed in the period")),
    "whistle_to_check_in_p90": (mark("From the whistle to the check-in, nine of ten"), mark("nine of ten took no longer"), mark("whistles that were signed")),
    "whistle_to_close_p90": (mark("From the whistle to the close, nine of ten"), mark("nine of ten took no longer"), mark("whistled cases closed")),
    "retriaged": (mark("Triaged again"), mark("of a matter that had a class before"), mark("triages in the period")),
    "closed_unverified": (mark("Closed unverified"), mark("nobody checked them for a week"), mark("cases closed in the period")),
    "listings_by_band": (mark("Listings, by band of points"), mark("listings in this band"), mark("listings with a code")),
    "appeals_pending": (mark("Appeals pending"), mark("under appeal"), mark("points and sanctions in effect or under appeal")),
    "points_reversed": (mark("Points reversed"), mark("reversed after an appeal"), mark("points ever confirmed")),
})  # fmt: skip
ROWS: Mapping[Row, str] = MappingProxyType({
    Row.REGISTRATION: mark("Registration"),
    Row.REPORTS_DUE: mark("Reports in time"),
    Row.CODING: mark("Listing codes"),
    Row.GAP: mark("Registration gap"),
    Row.HOUSEHOLDS: mark("Households"),
    Row.STAYS: mark("Stays"),
    Row.SPOT_CHECKS: mark("Spot checks"),
    Row.BEDS: mark("Beds"),
    Row.TODAY: mark("Today"),
    Row.DISCREPANCIES: mark("Open discrepancies"),
    Row.GATES: mark("Gates"),
    Row.WAYS_IN: mark("Ways in"),
    Row.OVERRIDES: mark("Let in by hand"),
    Row.LABOUR: mark("Work saved"),
    Row.PRIVACY: mark("Privacy"),
    Row.UPSTREAM: mark("Reports to authorities"),
    Row.CASES: mark("Cases"),
    Row.MACHINE: mark("Measures of the case machine"),
    Row.POINTS: mark("Points"),
})  # fmt: skip
WHY: Mapping[Why, str] = MappingProxyType({
    Why.NO_CENSUS: mark("no census was brought; 'gatehouse-sync import census' takes one"),
    Why.NO_BEDS: mark("no beds are on file for active listings"),
    Why.NO_DWELLINGS: mark("no dwellings are on file; a list of units brings them"),
    Why.NO_HOUSEHOLD_FILE: mark("no household file was laid beside the registry yet"),
    Why.NO_ACTIVATION: mark("no book says which household uses the service"),
    Why.NO_DECISION_TIMES: mark("nodes do not tell how long a decision took"),
    Why.NO_FALSE_REJECTS: mark("no book takes reports of false rejects"),
    Why.NO_STAFF_TIMES: mark("nobody writes down how long staff took"),
    Why.NO_SURVEYS: mark("nobody is asked how satisfied they are"),
})  # fmt: skip
AGE_NAMES: Mapping[str, str] = MappingProxyType(
    dict(
        zip(
            (*(name for name, _ in AGES), OLDEST),
            (mark("to 2 h"), mark("to 24 h"), mark("to 3 days"), mark("to 7 days"), mark("longer")),
            strict=True,
        )
    )
)
# Words for what one line of a figure is about; what is not here is shown as it is.
PARTS: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "level": {**{str(level): text for level, text in LEVELS.items()}, "late": mark("not verified in time, or below the level asked for")},
    "bucket": {bucket.value: text for bucket, text in BUCKETS.items()},
    "credential": {**CREDENTIALS, "override": mark("Admitted by staff"), "none": mark("without a credential")},
    "adapter": RECIPIENTS,
    "band": BANDS,
    "severity": SEVERITIES,
    "family": {**FAMILIES, "matter": mark("reported by a person")},
    "class": {**CLASSES, "none": mark("no class yet")},
})  # fmt: skip


def part(kind: str, code: str, say: Texts) -> str:
    """What a line of a figure is about; a level also says its number."""
    if kind == "kind":
        family, _, name = code.partition("/")
        return f"{part('family', family, say)} · {words.say(KINDS, name, say)}"
    text = PARTS.get(kind, {}).get(code)
    if text is None:
        return code or "–"
    numbered = kind == "severity" or (kind == "level" and code.isdigit())
    return f"{code} · {say(text)}" if numbered else say(text)
