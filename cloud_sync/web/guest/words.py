"""Every no a guest can meet on the phone: what is the matter, and what to do next.  One table for pages and documents."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cloud_sync.core.self_registration import FormFault
from cloud_sync.web.texts import Texts, mark


@dataclass(frozen=True, slots=True)
class Said:
    """Two halves of one sentence; the second half is never missing."""

    what: str
    next: str

    def sentence(self, _: Texts) -> str:
        """Both halves in one sentence, joined as this language joins them."""
        return _(mark("%(what)s: %(next)s."), what=_(self.what), next=_(self.next))


COMPARE = mark("compare every character with the document")
AT_THE_DESK = mark("show the document to the gate staff, who finish the registration with you")
ASK_STAFF = mark("call the staff or ask at the gate; they look at it with you")
STAYS_ON = mark("if you are staying longer, call whoever you booked with, or ask at the gate")

FIELDS: Mapping[FormFault, Said] = MappingProxyType({
    FormFault.NAME_MISSING: Said(mark("The name is empty"), mark("write it as it stands in the document")),
    FormFault.NAME_ODD: Said(mark("This is not a name"), mark("write it with letters, as it stands in the document")),
    FormFault.DOCUMENT_UNKNOWN: Said(mark("This kind of document is not known here"), mark("choose one of the list")),
    FormFault.NUMBER_MISSING: Said(mark("The document number is empty"), mark("write it as it stands in the document")),
    FormFault.NUMBER_SHAPE: Said(mark("The number is too short, too long or has a wrong character"), COMPARE),
    FormFault.NATIONALITY_SHAPE: Said(mark("The country code is not right"), mark("copy the three letters from the passport, such as FRA, KOR or USA")),
    FormFault.BIRTH_MISSING: Said(mark("The birth date is empty"), mark("write year, month and day, such as 1990-01-31")),
    FormFault.BIRTH_SHAPE: Said(mark("This is not a date"), mark("write year, month and day, such as 1990-01-31")),
    FormFault.BIRTH_RANGE: Said(mark("This birth date is not possible"), mark("look at it once more and write the year with four digits")),
    FormFault.GUARDIAN_MISSING: Said(mark("For somebody under age a guardian is needed"), mark("write a phone number under which the guardian answers")),
    FormFault.RELATION_MISSING: Said(mark("The relation to the guardian is missing"), mark("write for instance mother, father or teacher")),
    FormFault.MORE_MISSING: Said(mark("This is asked for here by law"), mark("write it as it stands in the document")),
    FormFault.MORE_ODD: Said(mark("This has a character that cannot be taken"), mark("write it in one line, with letters and digits")),
    FormFault.SEX_UNKNOWN: Said(mark("One of the list is asked for here by law"), mark("choose what stands in the document")),
    FormFault.PHONE_SHAPE: Said(mark("This is not a telephone number"), mark("write it with digits, with + and the country first")),
    FormFault.MAIL_SHAPE: Said(mark("This is not an e-mail address"), mark("write it whole, with the @ in it")),
    FormFault.RESIDENCE_SHAPE: Said(mark("The address needs four lines"), mark("write country, postal code, town, and street with number, one to a line")),
    FormFault.SIGNATURE_MISSING: Said(mark("Nobody has signed yet"), mark("let this person sign the entry form, then tick it")),
    FormFault.NUMBER_REGION: Said(mark("The first six digits of the number are not right"), COMPARE),
    FormFault.NUMBER_CHECK: Said(mark("One character of the number is wrong"), COMPARE),
    FormFault.NUMBER_BIRTH: Said(mark("Digits 7 to 14 of the number are no birth date"), COMPARE),
    FormFault.BIRTH_DIFFERS: Said(mark("The birth date is not the one inside the number"), mark("compare both with the document")),
    FormFault.MRZ_SHAPE: Said(mark("These are not two lines of 44 or 36 signs, or three of 30"), mark("copy all the lines with every < in them, one below the other")),
    FormFault.MRZ_NUMBER: Said(mark("The check digit after the document number does not fit"), COMPARE),
    FormFault.MRZ_BIRTH: Said(mark("The check digit after the birth date does not fit"), COMPARE),
    FormFault.MRZ_EXPIRY: Said(mark("The check digit after the expiry date does not fit"), COMPARE),
    FormFault.MRZ_PERSONAL: Said(mark("The check digit after the personal number does not fit"), COMPARE),
    FormFault.MRZ_WHOLE: Said(mark("The last check digit, which is over all the lines, does not fit"), COMPARE),
    FormFault.MRZ_DATE: Said(mark("A date in these lines does not exist"), COMPARE),
    FormFault.MRZ_NONE: Said(mark("There is no document number in these lines"), COMPARE),
    FormFault.NOT_TOGETHER: Said(mark("Number, name and birth date could not be confirmed together"), mark("compare each of them with the document")),
})  # fmt: skip

# By the rule the records name when they refuse.
RULES: Mapping[str, Said] = MappingProxyType({
    "link": Said(mark("This link is not valid any more"), mark("ask whoever sent it, or the gate staff, for a new one")),
    "registration.over": Said(mark("This stay is over, so nobody can register for it"), STAYS_ON),
    "registration.listing": Said(mark("This place may not take guests at the moment"), mark("call whoever you booked with, and ask the gate staff where you can wait")),
    "registration.full": Said(mark("As many people are registered as this place takes"), mark("call whoever you booked with before anybody else comes; who stands at the gate already asks there")),
    "guest.member": Said(mark("This guest is not one of this stay"), mark("open the link from its beginning and choose the guest there")),
    "guest.read_first": Said(mark("The notice has not been read, or has changed"), mark("read it once more from the beginning of this link")),
    "guest.checks": Said(mark("Three tries, and what was written did not fit the document"), AT_THE_DESK),
    "guest.lead_first": Said(mark("The guest who booked is not registered yet"), mark("register that guest first, then add the others")),
    "guest.registered": Said(mark("This guest is registered already"), mark("open your pass; if something is wrong, ask the gate staff to correct it with you")),
    "guest.data_nothing": Said(mark("Nothing is registered for this guest yet"), mark("register first, then look here again")),
    "guest.data_ending": Said(mark("These are not the last four characters of the document number"), mark("look at the document and write them once more")),
    "guest.erase_open": Said(mark("Your stay is not over yet"), mark("leave first; to remove your face alone, go back to your pass")),
    "guest.data_wait": Said(mark("The ending was wrong five times"), mark("wait an hour, or ask at the gate with your document")),
    "credential.over": Said(mark("This stay is over and its codes have ended"), STAYS_ON),
    "credential.key": Said(mark("This browser could not make a code"), mark("open the link in another browser, or use the PIN")),
    "credential.many": Said(mark("New codes were made for this stay too often"), mark("use the code that works on your other phone, or ask at the gate; they let you in another way")),
    "credential.bundle": Said(mark("There is no code for an offline gate yet"), mark("it comes when this pass opens doors; until then use the code, or ask at the gate")),
    "credential.pins": Said(mark("No PIN is free at the moment"), mark("use the code on this page, or ask the gate staff")),
    "consent.age": Said(mark("At this age a guardian has to agree to face"), mark("use the code or the PIN; they open the same doors")),
    "consent.purpose": Said(mark("Face is not used here"), mark("use the code or the PIN; they open the same doors")),
    "consent.version": Said(mark("The text about face has changed"), mark("read the new one and answer again")),
    "consent.language": Said(mark("The text about face was not shown in your language"), mark("choose a language above and answer again")),
    "consent.word": Said(mark("The answer about face did not arrive whole"), mark("open this page again and answer once more")),
    "guardian.who": Said(mark("Hours are for a child, and a registered adult of the party chooses them"), mark("register the guest who booked first, or ask the gate staff")),
    "guardian.hours": Said(mark("These hours do not end after they begin"), mark("write both, such as 07:00 and 21:00, or leave both empty")),
    "departure.day": Said(mark("This is not a date"), mark("write year, month and day, such as 2026-05-03")),
    "departure.same": Said(mark("You leave on that day already"), mark("choose another day")),
    "departure.past": Said(mark("That day is over, or before your arrival"), mark("choose a later one; to leave at once, press Leave early on your pass")),
    "departure.far": Said(mark("A stay is made longer by thirty nights at most"), mark("choose an earlier day, or call whoever you booked with")),
    "departure.let": Said(mark("The room is let to somebody else by then"), mark("choose an earlier day, or call whoever you booked with about another room")),
    "departure.listing": Said(mark("Stays in this place are not made longer at the moment"), mark("call whoever you booked with, or ask the gate staff")),
    "departure.closed": Said(mark("This stay cannot be changed any more"), mark("call whoever you booked with, or ask the gate staff")),
    "departure.none": Said(mark("Nothing is asked at the moment"), mark("open your pass; it says until when your stay lasts")),
    "stay.checkout": Said(mark("Nobody of your party has come in yet, so there is no stay to end"), mark("cancel it where you booked it")),
})  # fmt: skip

# What the pass page says by itself, in the phone, when the code does not do what it should.
PHONE: Mapping[str, Said] = MappingProxyType({
    "waiting": Said(mark("Your data is with us and a person has to look at your document"), AT_THE_DESK),
    "alone_minor": Said(mark("Somebody under age is registered alone, so a person has to decide"), AT_THE_DESK),
    "listing": Said(mark("This place may not take new guests at the moment, so its doors do not open for you"), mark("call whoever you booked with, or ask the gate staff")),
    "suspended": Said(mark("This pass is suspended"), ASK_STAFF),
    "exit_only": Said(mark("This pass opens only on the way out now"), ASK_STAFF),
    "ended": Said(mark("This pass has ended"), ASK_STAFF),
    "gone": Said(mark("This stay is over"), mark("the way out stays free; if you still have to come in, ask the gate staff")),
    "offline": Said(mark("There is no network, and this phone has no code yet"), mark("find a network, use the PIN, or ask at the gate")),
    "other_phone": Said(mark("Another phone shows the code of this guest now"), mark("use that phone, or press the button to use this one")),
    "no_script": Said(mark("This browser cannot draw the code"), mark("open the link in another browser, or use the PIN")),
    "clock": Said(mark("The clock of this phone is wrong"), mark("let the phone set its time by itself; until then the code is corrected by our clock")),
    "bundle_old": Said(mark("The code for an offline gate is older than a day"), mark("find a network for a moment; it is renewed by itself")),
    "failed": Said(mark("That did not work, perhaps for want of a network"), mark("open this page once more, or use the PIN")),
    "later": Said(mark("Our service cannot answer at the moment"), mark("wait a minute and open this page once more; a code that you see goes on opening the doors")),
    "no_network": Said(mark("There is no network"), mark("find one and open this page once more; the pass that you opened on this phone works without")),
    "tick": Said(mark("The box is not ticked"), mark("tick it to use your face, or go on with the code")),
})  # fmt: skip

# By the status of HTTP: what goes wrong around a guest's page and not on it.
FAULTS: Mapping[int, Said] = MappingProxyType({
    400: Said(mark("What was sent could not be read"), mark("go back, look at the form once more and send it again")),
    404: Said(mark("There is no page at this address"), mark("open the link you were sent once more, or ask the gate staff for a new one")),
    405: Said(mark("This page cannot be asked in this way"), mark("open the link you were sent once more and go on from there")),
    413: Said(mark("More was sent than this form takes"), mark("go back and write less; no picture is needed")),
    422: Said(mark("A field is missing or longer than it can be"), mark("go back, shorten it and send the form once more")),
    429: Said(mark("Too many tries from here"), mark("wait ten minutes, or ask the staff at the gate")),
    500: Said(mark("Something went wrong here, and it is not your doing"), mark("wait a minute and open the link once more; if it stays so, call the staff or ask at the gate")),
    503: Said(mark("Our records cannot be read at the moment"), mark("wait a minute and open the link once more; the code and the PIN that you have go on opening the doors")),
})  # fmt: skip

DEFAULT = Said(mark("This cannot be done at the moment"), ASK_STAFF)


def of_rule(rule: str) -> Said:
    """What to tell a guest about a refusal of the records."""
    return RULES.get(rule, DEFAULT)


def of_status(status: int) -> Said:
    """What to tell a guest where no rule said no; a status nobody thought of is a fault of ours."""
    return FAULTS.get(status, FAULTS[500])
