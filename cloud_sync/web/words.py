"""Codes of the wire in words: events, reasons, door states, discrepancies.  An unknown code is shown as it is."""

from collections.abc import Mapping
from types import MappingProxyType

from cloud_sync.web.texts import Texts, mark

EVENTS: Mapping[str, str] = MappingProxyType({
    "access.granted": mark("Opened for a guest"),
    "access.denied": mark("Refused"),
    "access.wrong_tries": mark("Several wrong tries in a row"),
    "access.attack": mark("A picture instead of a face, several times"),
    "access.emergency": mark("Emergency pass used"),
    "access.taken": mark("Walked through"),
    "access.not_taken": mark("Opened, nobody walked through"),
    "access.would_allow": mark("On trial: would have opened"),
    "access.would_deny": mark("On trial: would have refused"),
    "override": mark("Admitted by staff"),
    "release": mark("Released by staff"),
    "door.boot": mark("Door control started"),
    "door.rex": mark("Exit button"),
    "door.closed": mark("Door closed"),
    "door.forced": mark("Door forced open"),
    "door.prealarm": mark("Door open, alarm soon"),
    "door.held": mark("Door held open"),
    "door.secured": mark("Door shut again after an alarm"),
    "door.mode": mark("Door mode changed"),
    "door.lockdown": mark("Door locked down"),
    "door.evacuate": mark("Door opened for evacuation"),
    "access.tailgate": mark("More people than passes went in"),
    "door.tailgating": mark("People go in behind others"),
    "apb.reset": mark("Where a pass was last seen was forgotten, by hand"),
    "door.watchdog": mark("Lock switched off by the watchdog"),
    "door.release_asked": mark("End of lockdown asked for, a second person is needed"),
    "door.jammed": mark("Lock jammed"),
    "door.bolt_free": mark("Lock moves again"),
    "door.lock_silent": mark("Lock does not answer"),
    "door.lock_back": mark("Lock answers again"),
    "door.contact_fault": mark("Door contact broken"),
    "door.tamper": mark("Housing opened"),
    "door.tamper_off": mark("Housing shut again"),
    "door.power_low": mark("On battery: the mains are gone"),
    "door.power_back": mark("Mains are back"),
    "door.late_unlock": mark("Lock opened after its command was given up; locked again"),
    "fire.release": mark("Fire: all ways out open"),
    "fire.reset": mark("Fire release reset by hand"),
    "help.called": mark("Somebody at the door calls for help"),
    "preview.opened": mark("Staff look through the camera"),
    "preview.closed": mark("Staff no longer look through the camera"),
    "link.up": mark("Connected to the service"),
    "link.down": mark("Working without the service"),
    "command.done": mark("Command carried out"),
    "command.failed": mark("Command not carried out"),
    "command.refused": mark("Command refused"),
    "sys.boot": mark("Node started"),
    "sys.clock": mark("The node's clock was set"),
    "sys.enrolled": mark("Face enrolled at the door"),
    "sys.erased": mark("Face erased"),
    "sys.revoked": mark("Revocations brought to the node by hand"),
    "sys.lookalike": mark("Enrolled faces that look alike: they are asked for the code as well"),
    "sys.model_retired": mark("An old face model has gone; nothing made with it is left on the node"),
    "sys.receiver_trusted": mark("Another node trusted with sealed faces"),
    "sys.receiver_distrusted": mark("Another node no longer trusted with sealed faces"),
})  # fmt: skip

REASONS: Mapping[str, str] = MappingProxyType({
    "Granted": mark("pass valid"),
    "Blocked": mark("this door is blocked"),
    "LockedDown": mark("this door is locked down"),
    "LockSilent": mark("the lock does not answer"),
    "RetryLater": mark("too many tries, wait a little"),
    "face_low_quality": mark("the picture was not clear enough"),
    "SimulatedEngine": mark("a simulated face engine opens nothing"),
    "PresentationAttack": mark("not a live face"),
    "CredentialNotFound": mark("nobody known here"),
    "Ambiguous": mark("the face is too close to another guest's"),
    "SecondFactor": mark("a second credential is asked for"),
    "SecondPerson": mark("a second person is asked for"),
    "Superseded": mark("an older copy of this pass was shown"),
    "CodeReplayed": mark("this code was already used"),
    "CodeOutOfTime": mark("this code is too old or too early"),
    "CredentialNotEnabled": mark("this credential is switched off"),
    "CredentialNotActive": mark("the stay has not begun"),
    "CredentialExpired": mark("the stay is over"),
    "Unauthorized": mark("not a door of this stay"),
    "NotPermittedAtThisTime": mark("not at this hour"),
    "ListingNotPermitting": mark("the listing may not take guests now"),
    "StayClosed": mark("the stay is closed"),
    "NotRegistered": mark("the registration is not verified"),
    "OfflineExpired": mark("this door has been without news for too long"),
    "ClockUntrusted": mark("this door is not sure of the time"),
    "AntiPassback": mark("already inside"),
    "Interlock": mark("another door of the lane is open"),
    "Occupancy": mark("the space is full"),
})  # fmt: skip

CREDENTIALS: Mapping[str, str] = MappingProxyType({
    "face": mark("by face"),
    "qr": mark("by code"),
    "pin": mark("by PIN"),
    "card": mark("by card"),
    "phone-ble": mark("by phone"),
    "guard": mark("by staff"),
    "rex": mark("exit button"),
})  # fmt: skip

DOOR_STATES: Mapping[str, str] = MappingProxyType({
    "LOCKED": mark("locked"),
    "ACCESSED": mark("open for a guest"),
    "UNLOCKED": mark("unlocked"),
    "BLOCKED": mark("blocked"),
    "LOCKED_DOWN": mark("locked down"),
    "LOCKED_OPEN": mark("held open"),
    "UNKNOWN": mark("unknown"),
    "CLOSED": mark("shut"),
    "OPEN": mark("open"),
    "FAULT": mark("fault"),
    "NORMAL": mark("no alarm"),
    "FORCED": mark("forced"),
    "PRE_ALARM": mark("alarm soon"),
    "HELD": mark("held"),
    "OK": mark("in order"),
    "DEGRADED": mark("poor picture"),
    "LOST": mark("no picture"),
    "STARTING": mark("starting"),
    "NONE": mark("none"),
})  # fmt: skip

KINDS: Mapping[str, str] = MappingProxyType({
    "gate": mark("gate"),
    "unit": mark("unit door"),
    "room": mark("room door"),
    "garage": mark("garage"),
})  # fmt: skip

FACES: Mapping[str, str] = MappingProxyType({
    "on": mark("on"),
    "off": mark("off"),
    "refused": mark("refused: no safe threshold"),
    "code": mark("asks for the code: no safe threshold"),
})  # fmt: skip

FACE_MODES: Mapping[str, str] = MappingProxyType({
    "one_to_n": mark("face alone"),
    "one_to_one": mark("code, then face"),
    "one_to_n_else_code": mark("face, else code"),
})  # fmt: skip

# What the threshold of a door rests on.
TAILS: Mapping[str, str] = MappingProxyType({
    "measured": mark("measured"),
    "indicative": mark("indicative: fewer than ten mix-ups measured"),
    "bounded": mark("a bound only: stricter than anything measured"),
})  # fmt: skip

LIVENESS: Mapping[str, str] = MappingProxyType({
    "off_demo": mark("off (demo)"),
    "passive": mark("passive signs"),
    "challenge_on_risk": mark("a turn or nod on risk"),
    "challenge_always": mark("a turn or nod every time"),
})  # fmt: skip

PASS_SETS: Mapping[str, str] = MappingProxyType({
    "equal": mark("up to date"),
    "behind": mark("behind"),
    "unknown": mark("not confirmed"),
})  # fmt: skip

CLOCKS: Mapping[str, str] = MappingProxyType({
    "TRUSTED": mark("trusted"),
    "HOLDOVER": mark("running on its own"),
    "UNTRUSTED": mark("not trusted"),
})  # fmt: skip

DISCREPANCIES: Mapping[str, str] = MappingProxyType({
    "D01": mark("Entered, not registered"),
    "D02": mark("Registered, never entered"),
    "D03": mark("Stayed too long"),
    "D04": mark("Left early, unseen"),
    "D05": mark("More people than registered"),
    "D06": mark("Over capacity"),
    "D07": mark("Let without a listing code"),
    "D08": mark("Listing suspended, still used"),
    "D09": mark("One identity in two stays"),
    "D10": mark("Person and document differ"),
    "D11": mark("Registration facts wrong"),
    "D12": mark("Report late or missing"),
    "D13": mark("Report rejected upstream"),
    "D14": mark("Arrival near, not registered"),
    "D15": mark("Pass without a basis"),
    "D16": mark("Advertised without the right code"),
    "D17": mark("Capacity facts wrong"),
    "D18": mark("Kind of resident differs"),
    "D19": mark("One credential, several users"),
    "D20": mark("Minor: a person has to look"),
    "D21": mark("Door and service hold different passes"),
    "D22": mark("Events missing"),
    "D23": mark("Door moved against its events"),
    "D24": mark("Household not matched"),
    "D25": mark("The way in without a face is failing"),
    "D26": mark("Kept longer than allowed"),
})  # fmt: skip

SEVERITIES: Mapping[str, str] = MappingProxyType({
    "S1": mark("act now"),
    "S2": mark("same day"),
    "S3": mark("within three days"),
    "S4": mark("trend"),
})  # fmt: skip

CASE_STATES: Mapping[str, str] = MappingProxyType({
    "open": mark("not closed yet"),
    "inconclusive": mark("waiting for evidence"),
    "closed": mark("closed"),
})  # fmt: skip


def say(words: Mapping[str, str], code: str | None, _: Texts) -> str:
    """The code in words; a code nobody has taught us stands for itself, an absent one is a dash."""
    if not code:
        return "–"
    known = words.get(code)
    return _(known) if known is not None else code


def say_reason(reason: str | None, _: Texts) -> str:
    """A decision's reason without the prefix of the list it was taken from (``pt:``, ``x:``)."""
    return say(REASONS, (reason or "").rpartition(":")[2], _) if reason else ""
