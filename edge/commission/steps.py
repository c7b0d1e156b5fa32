"""The list itself, one function an item: each is checked against what node and gate-io report.

Eyes are asked only for what no wire tells: whether the door really opened, whether the sign hangs there.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from edge.commission.site import PROMPT_S, Site
from edge.commission.watch import GateWatch, came_back
from edge.core.commissioning import Check, Item, Outcome
from edge.core.door_types import Contact
from edge.core.face_mode import FaceMode
from edge.gateio import wire
from edge.gateio.mistakes import points_of
from edge.gateio.profile import LockProfile
from edge.ports import Point

PICTURE_AGE_MAX_MS = 2000

# After a pulse, a button or a reset the lock is at rest again: the longest of their times and a little.
REST_GRACE_S = 3.0

RESETS_MAX = 5

Step = Callable[[Site], Check]


def passed(item: Item, seen: str, attested: str = "") -> Check:
    return Check(item, Outcome.PASSED, seen, attested)


def failed(item: Item, seen: str, attested: str = "") -> Check:
    return Check(item, Outcome.FAILED, seen, attested)


def not_fitted(item: Item, seen: str) -> Check:
    return Check(item, Outcome.NOT_FITTED, seen)


def _has(site: Site, point: Point) -> bool:
    return point in points_of(site.table)


def _level(site: Site, point: Point, level: bool) -> Callable[[wire.Snapshot], bool]:
    return lambda shot: shot.points.get(site.name, {}).get(point) is level


def _at_rest_within_s(site: Site) -> float:
    return site.table.max_pulse_ms / 1000 + REST_GRACE_S


def _attest(site: Site, item: Item, seen: str, key: str) -> Check:
    """The wires agree; the last word has who looks at the door."""
    if site.technician.yes(key):
        return passed(item, seen, key)
    return failed(item, seen, f"not {key}")


# --- lock, contact, way out ------------------------------------------------------------------------------------------


def lock(site: Site) -> Check:
    """One pulse, seen to go out and to end."""
    site.technician.say("lock_begin")
    if not site.table.hosted:
        return _node_lock(site)
    with site.watch() as watch:
        if site.released(watch.snapshot()):
            return failed(Item.LOCK, "the output was released before anything was asked of it")
        did = site.node("try_lock", by=site.by)
        if did["fault"] or did["refused"]:
            return failed(Item.LOCK, f"the node: {did['fault'] or 'the door refused the release'}")
        if not watch.until(site.released, PROMPT_S):
            return failed(Item.LOCK, "the output did not move")
        if not watch.until(lambda shot: not site.released(shot), _at_rest_within_s(site)):
            return failed(Item.LOCK, "the output did not go back to rest")
    return _attest(site, Item.LOCK, "the output was released and went back to rest", "lock_seen")


def _node_lock(site: Site) -> Check:
    did = site.node("try_lock", by=site.by)
    if did["fault"] or did["refused"]:
        return failed(Item.LOCK, f"the node: {did['fault'] or 'the door refused the release'}")
    return _attest(site, Item.LOCK, "the lock confirmed the release to the node", "lock_seen")


def contact(site: Site) -> Check:
    """Open and shut, both as gate-io and as the node see it."""
    if not site.table.hosted or not _has(site, Point.CONTACT):
        if site.door.kind == "room":
            return not_fitted(Item.CONTACT, "a room lock without a contact")
        return failed(Item.CONTACT, "no contact is wired; this door needs one")
    with site.watch() as watch:
        if not watch.until(_level(site, Point.CONTACT, False), PROMPT_S):
            return failed(Item.CONTACT, "the contact says open at a door that should be shut")
        did = site.node("try_lock", by=site.by)
        if did["fault"] or did["refused"]:
            return failed(Item.CONTACT, f"the node: {did['fault'] or 'the door refused the release'}")
        site.technician.say("contact_open")
        if not watch.until(_level(site, Point.CONTACT, True), site.patience_s):
            return failed(Item.CONTACT, "the contact never said open")
        if not site.eventually(lambda: site.health()["contact"] == Contact.OPEN, PROMPT_S):
            return failed(Item.CONTACT, "gate-io said open, and the node did not take it")
        site.technician.say("contact_close")
        if not watch.until(_level(site, Point.CONTACT, False), site.patience_s):
            return failed(Item.CONTACT, "the contact never said shut again")
    if not site.eventually(lambda: site.health()["contact"] == Contact.CLOSED, PROMPT_S):
        return failed(Item.CONTACT, "gate-io said shut, and the node did not take it")
    return passed(Item.CONTACT, "open and shut, at gate-io and at the node")


def rex(site: Site) -> Check:
    """The button where there is one, else the handle."""
    if not site.table.hosted or not _has(site, Point.REX):
        return _by_handle(site)
    with site.watch() as watch:
        site.technician.say("rex_press")
        if not watch.until(_level(site, Point.REX, True), site.patience_s):
            return failed(Item.REX, "the exit button was never seen pressed")
        if site.table.rex_unlocks and not watch.until(site.released, PROMPT_S):
            return failed(Item.REX, "the button was seen and the lock was not released")
        site.technician.say("rex_let_go")
        if not watch.until(_level(site, Point.REX, False), site.patience_s):
            return failed(Item.REX, "the exit button stays pressed")
        if not watch.until(lambda shot: not site.released(shot), _at_rest_within_s(site)):
            return failed(Item.REX, "the lock stayed released after the button")
    seen = (
        "pressed, released by gate-io, at rest again"
        if site.table.rex_unlocks
        else "pressed; the handle opens"
    )
    return _attest(site, Item.REX, seen, "rex_left")


def _by_handle(site: Site) -> Check:
    if site.table.lock_profile is LockProfile.MAGLOCK_FAIL_SAFE:
        return failed(Item.REX, "a magnet without an exit button holds whoever is inside")
    site.technician.say("handle")
    if not site.table.hosted or not _has(site, Point.CONTACT):
        return _attest(site, Item.REX, "no contact tells of it", "handle_left")
    with site.watch() as watch:
        if not watch.until(_level(site, Point.CONTACT, True), site.patience_s):
            return failed(Item.REX, "the door was never seen open from inside")
        if not watch.until(_level(site, Point.CONTACT, False), site.patience_s):
            return failed(Item.REX, "the door was not seen shut again")
    return _attest(site, Item.REX, "opened from inside with the lock at rest", "handle_left")


# --- fire, dead level ------------------------------------------------------------------------------------------------


def fire(site: Site) -> Check:
    """The input opens, the latch holds it open, and only a person ends it."""
    group = site.table.fire_group
    if group is None:
        return not_fitted(Item.FIRE, "the door is in no fire group")
    inputs = [
        door.access_point
        for door in site.profile.hosted
        if door.fire_group == group and Point.FIRE in points_of(door)
    ]
    if not inputs:
        return failed(Item.FIRE, f"no door of the fire group {group} has a fire input")
    with site.watch() as watch:
        site.technician.say("fire_begin", door=inputs[0])
        if not watch.until(lambda shot: "fire" in shot.latches.get(site.name, ()), site.patience_s):
            return failed(Item.FIRE, "no fire latch was set")
        if not watch.until(site.released, PROMPT_S):
            return failed(Item.FIRE, "the latch was set and the lock was not released")
        site.technician.say("fire_quiet")
        quiet = watch.until(
            lambda shot: not any(shot.points.get(door, {}).get(Point.FIRE) for door in inputs),
            site.patience_s,
        )
        if not quiet:
            return failed(Item.FIRE, "the fire input did not become quiet")
        if not site.released(watch.snapshot()):
            return failed(Item.FIRE, "the release ended by itself; only a person may end it")
        if not site.technician.yes("fire_reset"):
            return failed(Item.FIRE, "released and latched; the reset was not tried")
        ended = _reset(site, watch)
    seen = "released, latched, still released when quiet, ended by a person"
    return (
        passed(Item.FIRE, seen, "fire_reset")
        if ended
        else failed(Item.FIRE, "the reset did not end the release")
    )


def _reset(site: Site, watch: GateWatch) -> bool:
    """Asked for anew while the node has not yet heard that the input is quiet; refused then, and rightly."""

    def over(shot: wire.Snapshot) -> bool:
        return "fire" not in shot.latches.get(site.name, ()) and not site.released(shot)

    for _ in range(RESETS_MAX):
        site.node("fire_reset", by=site.by)
        if watch.until(over, PROMPT_S / RESETS_MAX):
            return True
    return False


def dead_level(site: Site) -> Check:
    """gate-io is killed under the technician's eyes, and comes back at rest."""
    if not site.table.hosted:
        return not_fitted(Item.DEAD_LEVEL, "gate-io does not drive this lock")
    stays = "locked" if site.table.dead != site.releases else "unlocked"
    with site.watch() as watch:
        before = watch.boot_id
        site.technician.say(f"dead_begin_{stays}")
        if not watch.gone(site.patience_s):
            return failed(Item.DEAD_LEVEL, "gate-io was never seen to die")
    after = came_back(site.profile.socket, before, site.patience_s, site.rest)
    if not after:
        return failed(Item.DEAD_LEVEL, "gate-io died and did not come back")
    with site.watch() as watch:
        if not watch.until(lambda shot: not site.released(shot), _at_rest_within_s(site)):
            return failed(Item.DEAD_LEVEL, "gate-io came back and the lock is not at rest")
    if not site.eventually(lambda: "gate-io is away" not in site.health()["lock"], PROMPT_S):
        return failed(Item.DEAD_LEVEL, "the node has not found gate-io again")
    return _attest(
        site, Item.DEAD_LEVEL, "gate-io died, came back anew, and the lock is at rest", f"dead_{stays}"
    )


# --- eyes, sign, other ways ------------------------------------------------------------------------------------------


def camera(site: Site) -> Check:
    """Fresh pictures of a known size, and a view nobody has to be ashamed of; no picture is kept."""
    if site.door.camera is None:
        return not_fitted(Item.CAMERA, "the door has no camera")
    first = site.node("picture", camera=site.door.camera)
    if not site.eventually(lambda: bool(_newer(site, first["t_ns"])["t_ns"]), PROMPT_S):
        return failed(Item.CAMERA, "the camera gave no new picture")
    picture = site.node("picture", camera=site.door.camera)
    word, age_ms = site.health()["camera"], picture["age_ms"]
    seen = f"{picture['width']}x{picture['height']}, {age_ms} ms old, camera {word}"
    if word != "OK" or age_ms is None or age_ms > PICTURE_AGE_MAX_MS:
        return failed(Item.CAMERA, seen)
    return _attest(site, Item.CAMERA, seen, "camera_view")


def _newer(site: Site, t_ns: int) -> dict[str, int]:
    picture = site.node("picture", camera=site.door.camera)
    return picture if picture["t_ns"] > t_ns else {"t_ns": 0}


def sign(site: Site) -> Check:
    """Where a camera looks, a sign says so; for faces the community has it on file too."""
    if site.door.camera is None:
        return not_fitted(Item.SIGN, "no camera, no sign")
    if site.config.face.enabled and site.door.face.mode is not FaceMode.OFF:
        if site.name not in site.face_doors:
            return failed(Item.SIGN, "face is on here and the community has no sign on file for this door")
        return _attest(site, Item.SIGN, "the community has assessment and sign on file", "sign_hangs")
    return _attest(site, Item.SIGN, "no face here; the camera reads codes", "sign_hangs")


def other_way(site: Site) -> Check:
    """Somebody without a face comes in too: a code, a PIN or a card arrives from within reach of the door."""
    before = site.head()
    site.technician.say("other_way")
    if not site.eventually(lambda: bool(site.way_used_since(before)), site.patience_s):
        return failed(Item.OTHER_WAY, "no code, PIN or card of this door reached the ledger")
    kind = site.way_used_since(before)
    return _attest(site, Item.OTHER_WAY, f"{kind} reached the ledger", "other_way_reach")


STEPS: Mapping[Item, Step] = MappingProxyType(
    {
        Item.LOCK: lock,
        Item.CONTACT: contact,
        Item.REX: rex,
        Item.FIRE: fire,
        Item.DEAD_LEVEL: dead_level,
        Item.CAMERA: camera,
        Item.SIGN: sign,
        Item.OTHER_WAY: other_way,
    }
)


def power(site: Site, boot_before: str) -> Check:
    """After the board came up again: people could leave, and the entrance did as its lock profile says."""
    if site.boot_id() == boot_before:
        return failed(Item.POWER, "the board was not without power: it still runs since before")
    unlocked = site.table.lock_profile is LockProfile.MAGLOCK_FAIL_SAFE
    seen = "the board was started anew"
    if not site.technician.yes("power_left"):
        return failed(Item.POWER, seen, "not power_left")
    return _attest(site, Item.POWER, seen, "power_unlocked" if unlocked else "power_locked")
