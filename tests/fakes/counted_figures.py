"""Every figure counted a second time: by Python, row by row, from the tables as they are."""

from collections import Counter
from datetime import datetime, timedelta

import sqlalchemy as sa

from cloud_sync.core.lifecycles import PROVED
from cloud_sync.store.tables import metadata
from tests.fakes.community_house import ZONE
from tests.fakes.figure_history import DAY, HOUR, MINUTE
from tests.fakes.measured_cases import measures, rank

CODED = {"ACTIVE", "LAPSED", "SUSPENDED", "WITHDRAWING"}
NEVER = {"CANCELLED_BEFORE", "CANCELLED_DURING"}
OVER = {"CANCELLED_BEFORE", "NO_SHOW", "CHECKED_OUT", "CLOSED"}
BANDS = ((10, "green"), (6, "blue"), (3, "yellow"), (0, "red"))


class Counted:
    """All rows of all tables, and what they add up to."""

    def __init__(self, books, since):
        with books.engine.begin() as db:
            self.t = {
                name: [row._asdict() for row in db.execute(sa.select(table))]
                for name, table in metadata.tables.items()
            }
        self.now, self.since = books.house.clock.now_ms(), since
        begins = datetime.fromtimestamp(self.now / 1000, ZONE).replace(hour=0, minute=0, second=0)
        self.today = (begins.timestamp() * 1000, (begins + timedelta(days=1)).timestamp() * 1000)
        self.proofing_min = books.house.profile.proofing_min
        self.found = {}
        for part in (self.people, self.stays, self.day, self.units, self.files, self.conduct):
            part()
        for part in (self.gates, self.doors, self.open, self.cases, self.reports, self.privacy):
            part()
        for name, (numerator, denominator) in measures(self.t, self.since, self.now).items():
            self.say(name[0], numerator, denominator, *name[1:])

    def say(self, name, numerator, denominator, *part):
        self.found[name, part] = (numerator, denominator)

    def firsts(self, key):
        seen = {row["pass_id"]: row["first_entry_ms"] for row in self.t["presence"]}
        first = {}
        for row in self.t["pass"]:
            at = seen.get(row["pass_id"])
            if at is not None and row["stay"] is not None:
                first[key(row)] = min(at, first.get(key(row), at))
        return first

    def people(self):
        levels = Counter()
        for (stay, person), first in self.firsts(lambda row: (row["stay"], row["person"])).items():
            if first < self.since:
                continue
            good = [
                row["proofing"]
                for row in self.t["registration"]
                if (row["stay"], row["person"]) == (stay, person)
                and row["status"] in PROVED
                and row["proofing"] >= self.proofing_min
                and row["verified_ms"] is not None
                and row["verified_ms"] <= first
            ]
            levels[str(max(good)) if good else "late"] += 1
        for level in ("0", "1", "2", "3", "4", "late"):
            self.say("registration_by_level", levels[level], levels.total(), level)
        self.say("registration_rate", levels.total() - levels["late"], levels.total())
        proved = [
            r
            for r in self.t["registration"]
            if r["status"] in PROVED and self.since <= r["verified_ms"] <= self.now
        ]
        alone = [r for r in proved if r["method"] in ("self", "kiosk", "national-net-id")]
        self.say("desk_avoided", len(alone), len(proved))

    def stays(self):
        ended = [
            row
            for row in self.t["stay"]
            if row["state"] in ("CLOSED", "CHECKED_OUT")
            and row["checked_out_ms"] is not None
            and self.since <= row["checked_out_ms"] <= self.now - DAY
        ]
        wrong = 0
        for row in ended:
            mine = {row["stay"], *(p["pass_id"] for p in self.t["pass"] if p["stay"] == row["stay"])}
            then = row["checked_out_ms"] + DAY
            wrong += any(
                one["subject"] in mine
                and one["state"] != "inconclusive"
                and one["opened_ms"] <= then
                and (one["closed_ms"] is None or one["closed_ms"] > then)
                for one in self.t["discrepancy"]
            )
        assert wrong or self.now - self.since < 8 * DAY, "the history has nothing open about a stay"
        self.say("stay_reconciliation_rate", len(ended) - wrong, len(ended))
        visits = [row for row in self.t["spot_check"] if row["found"] is not None]
        good = sum(row["found"] <= row["registered"] for row in visits)
        self.say("true_registration_estimate", good, len(visits))

    def day(self):
        begins, ends = self.today
        came, stays = self.firsts(lambda row: row["stay"]), self.t["stay"]
        expected = [r for r in stays if begins <= r["planned_in_ms"] < ends and r["state"] not in NEVER]
        known = [row for row in expected if row["state"] not in ("EXPECTED", "NO_SHOW")]
        self.say("expected_today", len(known), len(expected))
        self.say("arrivals_today", sum(row["stay"] in came for row in expected), len(expected))
        kinds = ("access.granted", "access.denied", "override")
        asked = [e["type"] for e in self.t["event"] if e["type"] in kinds and begins <= e["wall_ms"] < ends]
        self.say("refused_today", asked.count("access.denied"), len(asked))
        leaving = [
            row
            for row in stays
            if begins <= row["planned_out_ms"] < ends and row["state"] not in {*NEVER, "NO_SHOW"}
        ]
        gone = sum(row["checked_out_ms"] is not None for row in leaving)
        self.say("departures_today", gone, len(leaving))
        for name, moments in (
            ("arrivals_by_hour", came.values()),
            ("departures_by_hour", [row["checked_out_ms"] for row in stays if row["checked_out_ms"]]),
        ):
            hours = Counter(int((at - begins) // HOUR) for at in moments if begins <= at < ends)
            for hour in range(24):
                self.say(name, hours[hour], None, f"{hour:02d}:00")
        here = {row["pass_id"] for row in self.t["presence"] if row["state"] == "in"}
        people = {(row["stay"], row["person"]) for row in self.t["pass"] if row["pass_id"] in here}
        open_ = {r["stay"] for r in stays if r["state"] not in OVER and r["planned_in_ms"] < ends}
        members = [(row["stay"], row["person"]) for row in self.t["stay_member"] if row["stay"] in open_]
        self.say("in_house", sum(one in people for one in members), len(members))
        active = {row["listing"] for row in self.t["listing"] if row["state"] == "ACTIVE"}
        beds = sum(row["beds"] for row in self.t["room_file"] if row["listing"] in active)
        self.say("bed_occupancy", sum(one in people for one in members), beds)

    def units(self):
        active = [row["unit"] for row in self.t["listing"] if row["state"] == "ACTIVE"]
        seen = {
            row["subject"]
            for row in self.t["evidence"]
            if row["ended_ms"] is None and '"operating": true' in row["body"]
        }
        hidden = {
            row["subject"]
            for row in self.t["discrepancy"]
            if row["kind"] == "D07"
            and row["subject"] not in active
            and (
                (row["close_reason"] or "").startswith("human: confirmed")
                or (row["state"] == "open" and row["subject"] in seen)
            )
        }
        assert hidden
        self.say("coding_coverage", len(active), len(active) + len(hidden))
        self.say("coding_of_dwellings", len(active), 80)
        self.say("gap_operating", 25, 60)
        self.say("gap_households", 25, 241)
        self.say("register_census", len(set(active)), 25)
        known = seen | {row["unit"] for row in self.t["unit"] if row["use"] == "short_let"}
        known |= {row["unit"] for row in self.t["listing"] if row["state"] in CODED}
        self.say("register_operating", len(set(active)), len(known))
        self.say("register_households", len(set(active)), 80)

    def files(self):
        rows = [row for row in self.t["import_row"] if row["run"] == "RI-2"]
        buckets = Counter(row["bucket"] for row in rows)
        self.say("household_match_rate", buckets["exact"] + buckets["fuzzy"], 70)
        for bucket in ("exact", "fuzzy", "conflict", "unmatched", "rejected"):
            self.say("household_buckets", buckets[bucket], 70, bucket)
        wait = [row for row in rows if row["bucket"] in ("fuzzy", "conflict", "unmatched")]
        decided = {row["matter"] for row in self.t["import_decision"]}
        self.say("household_decided", sum(row["matter"] in decided for row in wait), len(wait))

    def conduct(self):
        counted = Counter()
        for row in self.t["points_entry"]:
            if row["state"] == "EFFECTIVE" and row["effective_ms"] <= self.now < row["expires_ms"]:
                counted[row["listing"]] += row["delta"]
        listings = [row["listing"] for row in self.t["listing"] if row["state"] in CODED]
        bands = Counter(
            next(band for floor, band in BANDS if max(0, 10 + counted[listing]) >= floor)
            for listing in listings
        )
        for _, band in BANDS:
            self.say("listings_by_band", bands[band], len(listings), band)
        points = Counter(row["state"] for row in self.t["points_entry"])
        steps = Counter(row["state"] for row in self.t["sanction"])
        appealed = points["UNDER_APPEAL"] + steps["UNDER_APPEAL"]
        self.say("appeals_pending", appealed, appealed + points["EFFECTIVE"] + steps["IN_FORCE"])
        ever = sum(points[state] for state in ("EFFECTIVE", "UNDER_APPEAL", "REVERSED", "EXPIRED"))
        self.say("points_reversed", points["REVERSED"], ever)

    def gates(self):
        states = {row["node"]: row for row in self.t["node_state"]}
        nodes = [row["node"] for row in self.t["node"]]
        heard = [states[node] for node in nodes if node in states]
        self.say("gates_online", sum(self.now - row["hello_ms"] <= 90_000 for row in heard), len(nodes))
        lags = [self.now - row["drained_through_ms"] for row in heard]
        self.say("gates_lag_most", max(lags), len(lags))
        outbox = [r["head"] - r["acked"] if r["outbox"] is None else r["outbox"] for r in heard]
        self.say("gates_outbox", sum(outbox), None)
        self.say("gates_clock_most", max(row["clock_bound_ms"] for row in heard), len(heard))
        for software, many in Counter(row["software"] for row in heard).items():
            self.say("gates_by_software", many, len(heard), software)
        dark = {
            row["access_point"]
            for row in self.t["case_"]
            if row["kind"] == "power_low" and row["state"] != "CLOSED" and row["active"]
        }
        self.say("gates_on_battery", len(dark), len(self.t["access_point"]))

    def doors(self):
        kinds = ("access.granted", "access.denied", "override")
        rows = [e for e in self.t["event"] if e["type"] in kinds and e["wall_ms"] >= self.since]
        shown = Counter(row["credential_kind"] for row in rows if row["type"] != "override")
        let_in = Counter(row["credential_kind"] for row in rows if row["type"] == "access.granted")
        hand = [row for row in rows if row["type"] == "override"]
        self.say("decisions_by_credential", len(hand), len(rows), "override")
        for kind, many in shown.items():
            self.say("decisions_by_credential", many, len(rows), kind)
            self.say("path_success", let_in[kind], many, kind)
        self.say("override_rate", len(hand), len(rows))
        for name, part in (
            ("override_by_gate", lambda r: r["access_point"]),
            ("override_by_shift", self.shift),
        ):
            ours, everything = Counter(map(part, hand)), Counter(map(part, rows))
            for key, many in everything.items():
                self.say(name, ours[key], many, key)
        told = min(row["drained_through_ms"] for row in self.t["node_state"])
        if len(self.t["node"]) > len(self.t["node_state"]):
            told = self.now  # one never told: what there is of the last day is taken
        last = [row for row in self.t["event"] if told - DAY < row["wall_ms"] <= told and row["grant_id"]]
        taken = {row["grant_id"]: row["wall_ms"] for row in last if row["type"] == "access.taken"}
        spans = {}
        for row in last:
            if row["type"] == "access.granted" and row["grant_id"] in taken:
                spans.setdefault(row["credential_kind"], []).append(taken[row["grant_id"]] - row["wall_ms"])
        for kind, values in spans.items():
            self.say("path_median", rank(values, 50), len(values), kind)

    def shift(self, row):
        hour = datetime.fromtimestamp(row["wall_ms"] / 1000, ZONE).hour
        return ("00-08", "08-16", "16-24")[hour // 8]

    def open(self):
        rows = [row for row in self.t["discrepancy"] if row["state"] == "open"]
        self.say("discrepancies_grave", sum(row["severity"] in ("S1", "S2") for row in rows), len(rows))
        self.closing("discrepancy", [row for row in self.t["discrepancy"] if row["state"] == "closed"])
        cases = {row["id"]: row for row in self.t["case_"] if row["state"] != "CLOSED"}
        owners = {
            row["ref"]: cases[row["case_id"]]["owner_role"]
            for row in self.t["case_link"]
            if row["case_id"] in cases
        }
        self.lines = Counter(
            (row["kind"], row["severity"], age(self.now - row["opened_ms"]), owners.get(row["id"], ""))
            for row in rows
        )

    def closing(self, name, rows):
        took = [row["closed_ms"] - row["opened_ms"] for row in rows if row["closed_ms"] >= self.since]
        self.say(f"{name}_close_median", rank(took, 50), len(took))
        self.say(f"{name}_close_p90", rank(took, 90), len(took))

    def cases(self):
        rows = self.t["case_"]
        open_ = [row for row in rows if row["state"] != "CLOSED"]
        self.say("cases_open", sum(row["state"] in ("NEW", "RTN_UNACK") for row in open_), len(open_))
        closed = [row for row in rows if row["state"] == "CLOSED" and row["closed_ms"] >= self.since]
        opened = [row for row in rows if row["opened_ms"] >= self.since]
        self.say("cases_closed", len(closed), len(opened))
        self.closing("case", [row for row in rows if row["state"] == "CLOSED"])
        self.decided([row for row in rows if row["family"] == "alert"])
        closed_at = {row["id"]: row["closed_ms"] for row in rows if row["closed_ms"] is not None}
        again = [row for row in opened if row["reopened_from"] in closed_at]
        soon = sum(row["opened_ms"] - closed_at[row["reopened_from"]] <= 14 * DAY for row in again)
        self.say("cases_reopened", soon, len(closed))
        self.whistles(closed)
        handed = {r["case_id"] for r in self.t["case_note"] if r["event"] in ("offer", "accept")}
        self.say("cases_first_receiver", sum(row["id"] not in handed for row in closed), len(closed))

    def decided(self, alerts):
        took, of_period = [], 0
        for row in alerts:
            said = [
                note["at_ms"]
                for note in self.t["case_note"]
                if note["case_id"] == row["id"] and note["actor"] and note["after"] in ("RESOLVED", "CLOSED")
            ]
            of_period += bool(said) and row["opened_ms"] >= self.since
            if said and min(said) >= self.since:
                took.append(min(said) - row["opened_ms"])
        assert len(took) > 5 or self.now - self.since < 8 * DAY
        opened = sum(row["opened_ms"] >= self.since for row in alerts)
        self.say("alerts_decided", of_period, opened)
        self.say("alert_decision_median", rank(took, 50), len(took))
        self.say("alert_decision_p90", rank(took, 90), len(took))

    def whistles(self, closed):
        firsts = {}
        for note in sorted(self.t["case_note"], key=lambda row: row["at_ms"]):
            firsts.setdefault((note["case_id"], note["event"]), note["at_ms"])
        asked = {case: at for (case, event), at in firsts.items() if event == "whistle"}
        signed = {case: at for (case, event), at in firsts.items() if event == "department signs"}
        waited = [signed[case] - at for case, at in asked.items() if case in signed and at >= self.since]
        took = [row["closed_ms"] - asked[row["id"]] for row in closed if row["id"] in asked]
        self.say("whistle_to_check_in", rank(waited, 50), len(waited))
        self.say("whistle_to_close", rank(took, 50), len(took))

    def reports(self):
        told = [row for row in self.t["upstream_submission"] if row["state"] != "WITHDRAWN"]
        due = [row for row in told if self.since <= row["due_ms"] <= self.now]
        in_time = [row for row in due if row["state"] == "ACKED" and row["ended_ms"] <= row["due_ms"]]
        self.say("timely_report_rate", len(in_time), len(due))
        for name in {row["connector"] for row in told}:
            mine = [row for row in told if row["connector"] == name]
            made = [row for row in mine if row["made_ms"] >= self.since]
            states = Counter(row["state"] for row in made)
            self.say("reports_acked", states["ACKED"], len(made), name)
            self.say("reports_sent", sum(row["sends"] > 0 for row in made), len(made), name)
            self.say("reports_rejected", states["REJECTED"] + states["DEAD_LETTER"], len(made), name)
            self.say("reports_pending", states["QUEUED"] + states["SENT"], len(made), name)
            waits = [row["made_ms"] for row in mine if row["state"] in ("QUEUED", "SENT")]
            self.say("reports_oldest", self.now - min(waits), len(waits), name)

    def privacy(self):
        documents = {row["person"]: row["doc_hash"] for row in self.t["person"]}
        who = {True: set(), False: set()}
        for row in self.t["consent"]:
            who[row["withdrawn_ms"] is None].add(documents[row["person"]] or row["person"])
        self.say("face_people_now", len(who[True]), 100_000)
        self.say("face_people_ever", len(who[True] | who[False]), 100_000)
        rows = [row for row in self.t["erasure"] if row["asked_ms"] >= self.since]
        took = [row["acked_ms"] - row["asked_ms"] for row in rows if row["acked_ms"]]
        self.say("erase_p95", rank(took, 95), len(took))
        owed = [row["asked_ms"] for row in self.t["erasure"] if row["acked_ms"] is None]
        self.say("erasures_overdue", sum(at < self.now - 10 * MINUTE for at in owed), len(owed))
        began = {r["stay"] for r in self.t["stay"] if self.since <= r["planned_in_ms"] <= self.now}
        said = Counter(row["face_said"] for row in self.t["stay_member"] if row["stay"] in began)
        self.say("consents_given", said["yes"], said["yes"] + said["no"])
        self.say("consents_refused", said["no"], said["yes"] + said["no"])
        given = [row for row in self.t["consent"] if self.since <= row["given_ms"] <= self.now]
        self.say("consents_withdrawn", sum(row["withdrawn_ms"] is not None for row in given), len(given))
        traces = self.t["trace_request"]
        waiting = sum(row["state"] == "ASKED" for row in traces)
        asked = sum(row["asked_ms"] >= self.since or row["state"] == "ASKED" for row in traces)
        self.say("traces_open", waiting, asked)


def age(ms):
    ends = ((2 * HOUR, "0-2 h"), (DAY, "2-24 h"), (3 * DAY, "1-3 d"), (7 * DAY, "3-7 d"))
    return next((name for end, name in ends if ms < end), "over 7 d")
