"""One round of reporting: what is owed is queued, what is due is told, and what came back is written down.

Whatever happens between two lines of this file, the row in the queue says what is known, and the next round goes on from
there.  It never sends twice what may have arrived: see ``_uncertain``.
"""

from collections.abc import Mapping

import structlog

from cloud_sync.connectors.upstream.ways import permit
from cloud_sync.core.lifecycles_upstream import SubmissionState
from cloud_sync.core.reporting import Certainty
from cloud_sync.errors import Refused
from cloud_sync.ports_upstream import (
    Connector,
    DueSubmission,
    NotTaken,
    Report,
    SubmissionBook,
    Unknown,
)

PER_ROUND = 3  # one after the other, at most three minutes each: a round ends before its claims do

log = structlog.get_logger()


class Courier:
    """Call it again and again, from as many workers as there are; each report is one worker's alone."""

    def __init__(self, book: SubmissionBook, connectors: Mapping[str, Connector]) -> None:
        self._book = book
        self._connectors = connectors

    def __call__(self) -> int:
        """One whole round; how many reports were looked at."""
        self._book.derive()
        self._book.watch_clocks()
        return self.deliver()

    def deliver(self) -> int:
        """What is due now; how many reports were looked at."""
        due = self._book.claim(most=PER_ROUND)
        for one in due:
            self._deliver(one)
        return len(due)

    def _deliver(self, due: DueSubmission) -> None:
        connector = self._connectors.get(due.connector)
        if due.synthetic:
            self._refuse(due, "a synthetic community reports to nobody.")
        elif connector is None:
            self._book.note(due, _absent(due))
        elif due.op not in connector.shape.fields:
            self._book.give_up(
                due, f"{due.connector} takes no {due.op}; tell it in the recipient's own pages."
            )
        else:
            try:
                self._converse(due, connector)
            except Refused as refused:
                self._refused(due, refused)

    def _converse(self, due: DueSubmission, connector: Connector) -> None:
        values = self._book.open_fields(due, connector.shape)
        report = Report(due.reference, due.op, due.synthetic, values, due.number)
        permit(report)
        if due.ticket:
            self._book.note(due, connector.ask(report, due.ticket))
            return
        mac = self._book.mac(connector.body(report))
        if due.uncertain and not self._uncertain(due, connector, report, mac):
            return
        if not self._book.begin(due, connector.recipient, sorted(values), mac):
            return
        outcome = connector.send(report)
        log.info("report_sent", submission=due.id, connector=due.connector, outcome=type(outcome).__name__)
        self._book.note(due, outcome)
        if isinstance(outcome, Unknown) and connector.shape.certainty is Certainty.ONCE:
            self._book.give_up(due, f"{outcome.why} {_LOOK}")

    def _uncertain(self, due: DueSubmission, connector: Connector, report: Report, mac: str) -> bool:
        """It may be there already; True when sending it now cannot make two of it."""
        match connector.shape.certainty:
            case Certainty.ONCE:
                self._book.give_up(due, f"it left and no answer came. {_LOOK}")
                return False
            case Certainty.ASKS:
                outcome = connector.ask(report, due.ticket)
                if not isinstance(outcome, NotTaken):
                    self._book.note(due, outcome)
                    return False
            case Certainty.KEYED:
                pass  # the same bytes are the same report
        if due.body_mac and mac != due.body_mac:
            # The first one may still arrive, and other bytes under the same reference are nobody's report.
            self._book.give_up(due, f"the facts changed while the answer was outstanding. {_LOOK}")
            return False
        return True

    def _refuse(self, due: DueSubmission, why: str) -> None:
        """Nothing leaves for these people; a row that says it already did is looked at by a person."""
        if due.state is SubmissionState.QUEUED and not due.uncertain:
            self._book.withdraw(due, why)
        else:
            self._book.give_up(due, why)

    def _refused(self, due: DueSubmission, refused: Refused) -> None:
        log.warning("report_refused", submission=due.id, connector=due.connector, rule=str(refused.rule))
        if refused.rule in ("upstream.synthetic", "upstream.nobody"):
            self._refuse(due, str(refused))
        elif due.uncertain or due.ticket:
            self._book.give_up(due, f"{refused} {_LOOK}")
        else:
            self._book.incomplete(due, str(refused))


_LOOK = "Look in the recipient's own pages, then 'upstream settle' or 'upstream retry'."


def _absent(due: DueSubmission) -> NotTaken | Unknown:
    """Nobody to tell it to is no answer to what was told before."""
    why = f"there is no table [upstream.{due.connector}] in the configuration"
    return Unknown(why) if due.uncertain or due.ticket else NotTaken(why)
