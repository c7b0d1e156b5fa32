"""Cases, steps and refusals in words.  A code nobody has taught us is shown as it is."""

from collections.abc import Mapping
from types import MappingProxyType

from cloud_sync.core import case_more as effects
from cloud_sync.core.case_types import CaseEvent as E
from cloud_sync.core.case_types import CaseState as S
from cloud_sync.core.case_types import Colour, MatterClass, Whistle
from cloud_sync.core.case_types import OwnerRole as R
from cloud_sync.core.guards import Guard
from cloud_sync.core.roles import Role
from cloud_sync.web.texts import mark

ALERTS: Mapping[str, str] = MappingProxyType({
    "forced": mark("Door forced open"),
    "held": mark("Door held open"),
    "watchdog": mark("Lock switched off by the watchdog"),
    "fire_release": mark("Fire: all ways out open"),
    "jammed": mark("Lock jammed"),
    "lock_silent": mark("Lock does not answer"),
    "contact_fault": mark("Door contact broken"),
    "tamper": mark("Housing opened"),
    "power_low": mark("On battery: the mains are gone"),
    "duress": mark("Silent alarm: somebody opened under threat"),
    "tailgate_rate": mark("People go in behind others"),
    "wrong_tries": mark("Several wrong tries in a row"),
    "presentation_attack": mark("A picture instead of a face, several times"),
    "emergency": mark("Emergency pass used"),
    "help": mark("Somebody at the door calls for help"),
    "node_offline": mark("Node silent"),
    "camera_lost": mark("Camera without a picture"),
    "clock_off": mark("A node's clock is wrong"),
    "version_refused": mark("Node and service speak no common version"),
    "node_lost": mark("Gate node lost or stolen"),
    "delivery_failed": mark("Not ready for today's guests"),
    "feed_silent": mark("A booking calendar does not come"),
    "flood": mark("Many alarms of one kind at once"),
    "chatter": mark("One source alarms again and again"),
})  # fmt: skip

# The first thing to do; the rest is judgement.
ADVICE: Mapping[str, str] = MappingProxyType({
    "forced": mark("Go there or look. When the door is shut again, acknowledge with what you found."),
    "held": mark("Go there or call. Let people through, then shut the door."),
    "watchdog": mark("The lock was held too long and was switched off. Check that the door shuts, then call service."),
    "fire_release": mark("Help people out first. The doors lock again only by hand, at the panel."),
    "jammed": mark("Go there. Push the door shut; if the bolt stays out or in, lock by hand and call service."),
    "lock_silent": mark("Nobody can be let in there. Check the lock's power and cable; the handle inside opens."),
    "contact_fault": mark("The door works and cannot tell whether it is open. Look, then call service."),
    "tamper": mark("Somebody opened the box at this door. Look who it is."),
    "power_low": mark("A magnet opens when the battery is empty. Put a person there, then call the electrician."),
    "duress": mark("Show nothing at the door and do not call there. Send two people, and call 110 if in doubt."),
    "tailgate_rate": mark("More people went in than passes were shown. Go there, ask in a friendly way, and look in the books who is missing."),
    "wrong_tries": mark("Nothing was opened. Speak to the person there: a guest needs help, anybody else a question."),
    "presentation_attack": mark("Nothing was opened, and codes still work there. Go there or look, and ask whose face it was."),
    "emergency": mark("Somebody came in by an emergency pass. Meet them, keep the way free, and write down who it was."),
    "help": mark("Go there or speak to them. The door stays as it is; the screen there only says that you were told."),
    "node_offline": mark("The gate goes on deciding by itself. Check power and network there."),
    "camera_lost": mark("Guests enter by code meanwhile. Check the camera and its cable."),
    "clock_off": mark("Its times are off by more than ten seconds. Check the time server and the clock chip there."),
    "version_refused": mark("The gate decides by itself and keeps every event. Update whichever of the two is older."),
    "delivery_failed": mark("Guests may stand before its doors. See which passes are missing, check power and network there, or let people in by hand."),
    "feed_silent": mark("No booking was cancelled by it. Open the calendar's address in a browser; ask the operator for a new one if it is gone."),
    "flood": mark("One cause is likely: look for it before you walk from door to door. The cases below are part of it."),
    "chatter": mark("It was silenced for ten minutes. Look at it and call service; it comes back by itself."),
    "node_lost": mark("Put a person at its doors until a replacement is in. Whoever finds the old box does not plug it in again."),
})  # fmt: skip

STATES: Mapping[str, str] = MappingProxyType({
    S.NEW: mark("nobody has looked yet"),
    S.RTN_UNACK: mark("over, nobody has looked yet"),
    S.ACKED: mark("somebody is on it"),
    S.IN_PROGRESS: mark("being worked on"),
    S.ON_HOLD: mark("waiting"),
    S.RESOLVED: mark("settled, to be checked by another person"),
    S.CLOSED: mark("closed"),
    S.TRANSFERRED: mark("a department was asked and has not signed"),
    S.DEPT_SIGNED: mark("a department has signed for it"),
    S.DEPT_ACTING: mark("a department is at work on it"),
    S.SHELVED: mark("silenced for a while"),
    S.SUPPRESSED: mark("explained by another case"),
    S.OUT_OF_SERVICE: mark("out of service, under repair"),
})  # fmt: skip

STEPS: Mapping[str, str] = MappingProxyType({
    E.ACK: mark("Acknowledge"),
    E.START: mark("Start"),
    E.OFFER: mark("Hand over"),
    E.ACCEPT: mark("Accept"),
    E.HOLD: mark("Put on hold"),
    E.RESUME: mark("Go on"),
    E.RESOLVE: mark("Resolve"),
    E.VERIFY: mark("Confirm and close"),
    E.REJECT: mark("Send back"),
    E.REOPEN: mark("Open again"),
    E.TRIAGE: mark("Set the class"),
    E.WHISTLE: mark("Whistle to a department"),
    E.SHELVE: mark("Silence for a while"),
    E.TAKE_OUT: mark("Take out of service"),
    E.PUT_BACK: mark("Back in service"),
    E.SIGN: mark("Sign for it"),
    E.CONTACT: mark("Contact was made"),
    E.REPORT_IN: mark("Report in"),
    E.RESULT: mark("Give the result"),
    E.RETURN: mark("Return it"),
})  # fmt: skip

HAPPENED: Mapping[str, str] = MappingProxyType({
    E.RAISE: mark("reported"),
    E.CLEARS: mark("no longer so"),
    E.ACK: mark("acknowledged"),
    E.ACK_CLOCK: mark("nobody looked in time, the next is asked"),
    E.START: mark("started"),
    E.ACT_CLOCK: mark("not done in time, the next is asked"),
    E.OFFER: mark("hand-over offered"),
    E.ACCEPT: mark("hand-over accepted"),
    E.HOLD: mark("put on hold"),
    E.RESUME: mark("went on"),
    E.RESOLVE: mark("resolved"),
    E.VERIFY: mark("checked and closed"),
    E.REJECT: mark("sent back"),
    E.UNCHECKED: mark("not checked within seven days"),
    E.MET: mark("settled by the records"),
    E.RETRACT: mark("cleared by late evidence"),
    E.REOPEN: mark("opened again"),
    E.TRIAGE: mark("class set"),
    E.SHELVE: mark("silenced for a while"),
    E.SHELF_OVER: mark("the silence is over"),
    E.SUPPRESS: mark("explained by another case"),
    E.CAUSE_ENDS: mark("its cause is over"),
    E.TAKE_OUT: mark("taken out of service"),
    E.PUT_BACK: mark("back in service"),
    E.WHISTLE: mark("whistled to a department"),
    E.SIGN_CLOCK: mark("not signed in time, the colour rises"),
    E.RETURN: mark("returned by the department"),
    E.SIGN: mark("signed by the department"),
    E.CONTACT: mark("the department made contact"),
    E.DEPT_CLOCK: mark("no contact or report in time, the colour rises"),
    E.REPORT_IN: mark("the department reported in"),
    E.RESULT: mark("the department gave its result"),
})  # fmt: skip

CODES: Mapping[str, str] = MappingProxyType({
    "false_alarm": mark("false alarm"),
    "person_dealt_with": mark("spoken to a person there"),
    "fixed": mark("repaired"),
    "to_service": mark("handed to service"),
    "other": mark("something else"),
})  # fmt: skip

RESULTS: Mapping[str, str] = MappingProxyType({
    **CODES,
    effects.RESOLVED: mark("resolved"),
    effects.ACKNOWLEDGED: mark("acknowledged"),
    effects.UNVERIFIED: mark("not checked within seven days"),
    effects.CLOSED_BY_DATA: mark("settled by the records"),
    effects.CLEARED_LATE: mark("cleared by late evidence"),
    effects.CAUSE_OVER: mark("over with its cause"),
    effects.REPAIRED: mark("back in service"),
})  # fmt: skip

OWNER_ROLES: Mapping[str, str] = MappingProxyType({
    R.GUARD: mark("gate staff"),
    R.SHIFT_LEAD: mark("shift lead"),
    R.OFFICER: mark("community officer"),
    R.OPERATOR: mark("operator of the listing"),
    R.STREET: mark("street office"),
    R.DEPARTMENT: mark("a department"),
    R.CALL: mark("call 110 or 119 yourself"),
})  # fmt: skip

ROLES: Mapping[str, str] = MappingProxyType({
    Role.GUARD: mark("gate staff"),
    Role.OFFICER: mark("community officer"),
    Role.ADMIN: mark("administrator"),
    Role.STREET: mark("street office"),
    Role.DEPARTMENT: mark("a department"),
})  # fmt: skip

MATTERS: Mapping[str, str] = MappingProxyType({
    "noise": mark("Noise"),
    "garbage": mark("Garbage"),
    "lift": mark("Lift"),
    "door": mark("Door"),
    "light": mark("Light"),
    "fire_safety": mark("Fire safety"),
    "dispute": mark("Dispute between neighbours, host or guest"),
    "unfiled_listing": mark("Rooms let without a code"),
    "facility": mark("Something broken outside"),
    "crime": mark("Crime"),
})  # fmt: skip

CLASSES: Mapping[str, str] = MappingProxyType({
    MatterClass.BIG: mark("big: to the street at once"),
    MatterClass.SMALL: mark("small: the community settles it in one to three days"),
    MatterClass.PRIVATE: mark("private: guidance only, no clock"),
})  # fmt: skip

COLOURS: Mapping[str, str] = MappingProxyType({
    Colour.BLUE: mark("blue: the head of the section"),
    Colour.YELLOW: mark("yellow: the deputy"),
    Colour.RED: mark("red: the chief"),
})  # fmt: skip

WHISTLES: Mapping[str, str] = MappingProxyType({
    Whistle.WORK: mark("ordinary: report in within three working days"),
    Whistle.HARD: mark("hard: report in within five working days"),
})  # fmt: skip

REFUSALS: Mapping[str, str] = MappingProxyType({
    Guard.PERMITTED.name: mark("Your role may not do this; ask the community officer."),
    Guard.OWNER.name: mark("This case is a colleague's; ask for a hand-over."),
    Guard.OWNER_OR_LEAD.name: mark("This case is a colleague's; ask for a hand-over."),
    Guard.OTHER_PERSON.name: mark("Who settled a case does not check it; ask a colleague."),
    Guard.OFFERED.name: mark("This hand-over was not offered to you."),
    Guard.COLLEAGUE.name: mark("Choose a colleague."),
    Guard.REASON.name: mark("Say in a few words what you found or did."),
    Guard.UNTIL.name: mark("Choose a time ahead, at most a day."),
    Guard.DOOR_SHUT.name: mark("The door still stands open. Shut it first, then settle the case."),
    Guard.MATTER_CLASS.name: mark("Choose one of the three classes."),
    Guard.NOT_S1.name: mark("An alarm of the gravest kind is never silenced."),
    Guard.SHELF.name: mark("Choose a time ahead, at most eight hours."),
    Guard.PERMIT.name: mark("Give the number of the permit."),
    Guard.DEPARTMENT.name: mark("Choose a department, a colour and the kind of whistle."),
    Guard.THE_DEPARTMENT.name: mark("Another department was asked."),
    Guard.OPENERS_LEVEL.name: mark("Somebody of a higher office opened this case; they check it."),
    Guard.COMMUNITY.name: mark("A department has acted, so the community checks it."),
    Guard.RECENT.name: mark("This case was closed more than 30 days ago; open a new one."),
})  # fmt: skip
STAYS_OPEN = mark("The door still stands open. Shut it first, or say why it may stay open.")
CHANGED = mark("This case has moved on meanwhile; look at it again.")

OPS: Mapping[str, str] = MappingProxyType({
    "release": mark("Release once"),
    "admit": mark("Admit as a visitor"),
    "lock": mark("Lock this door"),
    "unlock": mark("Unlock until locked again"),
    "block": mark("Block"),
    "lockdown": mark("Lock down"),
    "lockdown_release": mark("End the lockdown"),
    "lockopen": mark("Open for evacuation"),
    "lockopen_release": mark("End the evacuation"),
})  # fmt: skip

ZONE_OPS: Mapping[str, str] = MappingProxyType({**OPS, "lock": mark("Lock these doors")})

OP_MEANS: Mapping[str, str] = MappingProxyType({
    "release": mark("The door opens once, as for a guest."),
    "admit": mark("The gate opens once, and the visit is on record under your name. Rooms stay shut."),
    "lock": mark("The door goes back to its rules: passes open it, and nothing else."),
    "unlock": mark("Anybody can walk in until the door is locked again."),
    "block": mark("Nobody gets in by any pass. The way out stays free."),
    "lockdown": mark("Nobody gets in by anything until the lockdown is ended. The way out stays free."),
    "lockdown_release": mark("The door goes back to locked; passes open it again. Some doors want a second person within a minute."),
    "lockopen": mark("The door stands open, whatever else happens, until somebody ends it."),
    "lockopen_release": mark("The door locks as soon as it is shut."),
})  # fmt: skip

COMMAND_STATES: Mapping[str, str] = MappingProxyType({
    "QUEUED": mark("on its way"),
    "SENT": mark("sent, waiting for the door"),
    "ACCEPTED": mark("the door has it"),
    "DONE": mark("done"),
    "FAILED": mark("the door could not do it"),
    "REJECTED": mark("the door refused"),
    "EXPIRED": mark("no answer in time; it will not be done later"),
})  # fmt: skip

# Why a door did not do as it was told (sync.md §8); what a person cannot change is said shortly.
COMMAND_WHY: Mapping[str, str] = MappingProxyType({
    "x:NoAnswer": mark("the gate did not answer; look at its power and network"),
    "x:NotCarriedOut": mark("the lock did not do as it was asked"),
    "x:NotRecorded": mark("the gate could not write it down, so it was not done"),
    "x:Interrupted": mark("the gate stopped in between; look at the door"),
    "unknown_key": mark("the gate does not know our key; give it a new join file"),
    "x:WrongMode": mark("the door cannot do that in the state it is in"),
    "x:NoLatch": mark("this lock cannot be kept open by itself: open it for people one by one"),
    "x:GateOnly": mark("a visitor is let in at a gate and at no other door"),
    "expired": mark("it arrived too late"),
    "clock_untrusted": mark("the gate is not sure of the time"),
    "duplicate": mark("it was done already"),
    "wrong_node": mark("the gate does not count this door to that zone; give it a new join file"),
    "superseded": mark("a later command was there first"),
    "pt:Blocked": mark("this door is blocked"),
    "Blocked": mark("this door is blocked"),
    "LockedDown": mark("this door is locked down"),
})  # fmt: skip
