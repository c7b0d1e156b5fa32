"""Signed commands from the service: ``sig(64) ‖ JSON body`` to one door, ``sig ‖ sig ‖ body`` to a zone (sync.md §8).

Unlike every other message a command is received strictly: a field nobody knows may say that it was not meant so.
Ed25519 over a domain and the very bytes of the body; whoever repeats a command repeats these bytes.

A zone is commanded by two people with two keys; both sign the same body, which names them both.
"""

from typing import Annotated, Literal, get_args

import msgspec

from cloud_sync.protocol.messages import BadMessage, Count, Seq

DOMAIN = b"ac-cmd-v1\0"
COMMAND_VERSION: Literal[1] = 1
SIG_BYTES = 64
# The longest lawful names give about 600 bytes, 900 for a zone; nobody gets more parsed than that.
FRAME_BYTES_MAX = 1_024
# No node may be set to believe a command for longer, whatever its clock says.
TTL_MAX_MS = 60_000
# How long the service gives a command to reach its door: the node's default of T_cmd_age (access.md §4.2).
TTL_MS = 10_000

Op = Literal[
    "release", "lock", "unlock", "block", "lockdown", "lockdown_release", "lockopen", "lockopen_release"
]
OPS: tuple[Op, ...] = get_args(Op)
ZONE = "zone:"  # before the zone's name, where a node's would stand
EVERY_DOOR = "*"  # of the zone, at whichever node

Word = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
CommandId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]


class Argument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Of a release: whom staff let in once (access.md §6.2).  Nothing else has an argument."""

    class_: Literal["visitor"] | None = msgspec.field(default=None, name="class")


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """``d/{node}/cmd``, never retained: what one named person wants one door to do, at once or not at all."""

    v: Literal[1]
    t: Word
    node: Word
    door: Word
    id: CommandId
    ctr: Seq  # strictly rising per key
    iat: Count
    exp: Count
    op: Op
    arg: Argument
    iss: Word  # who commands; the actor of what follows
    kid: Word
    nonce: str = ""  # of the node's hello, where its clock cannot judge ``exp``
    iss2: Annotated[str, msgspec.Meta(max_length=64)] = ""  # of a zone: the second person
    kid2: Annotated[str, msgspec.Meta(max_length=64)] = ""  # and the key that signs for them

    @property
    def zone(self) -> str:
        """The zone it is for; empty for one door's."""
        return self.node.removeprefix(ZONE) if self.node.startswith(ZONE) else ""


def encode_command(command: Command) -> bytes:
    """The body, as it is signed and travels."""
    return msgspec.json.encode(command)


def signing_bytes(body: bytes) -> bytes:
    """What the key signs."""
    return DOMAIN + body


def frame(body: bytes, signature: bytes) -> bytes:
    """One publish."""
    assert len(signature) in (SIG_BYTES, 2 * SIG_BYTES)
    assert len(signature) + len(body) <= FRAME_BYTES_MAX
    return signature + body


def split(data: bytes) -> tuple[bytes, bytes, Command]:
    """Signature (of a zone's: both, 128 bytes), body and command of a publish; nothing is verified yet.

    Raises:
        BadMessage: too short, too long, or not a command of this version.
    """
    if not SIG_BYTES < len(data) <= FRAME_BYTES_MAX:
        raise BadMessage(f"Command: {len(data)} bytes are not a frame")
    try:
        command, signatures = _decode(data[SIG_BYTES:]), 1
    except BadMessage:  # where the body of a single one would stand, a second signature stands
        command, signatures = _decode(data[2 * SIG_BYTES :]), 2
    if bool(command.zone) != (signatures == 2):
        raise BadMessage(f"Command: {signatures} signatures and node {command.node!r} do not go together")
    _check(command)
    at = signatures * SIG_BYTES
    return data[:at], data[at:], command


def _decode(body: bytes) -> Command:
    try:
        return msgspec.json.decode(body, type=Command)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"Command: {error}") from error


def _check(command: Command) -> None:
    """What the fields' types cannot say."""
    if command.arg.class_ is not None and command.op != "release":
        raise BadMessage(f"Command: {command.op} has no argument")
    if not command.zone:
        if command.iss2 or command.kid2 or command.node.startswith(ZONE):
            raise BadMessage("Command: one door is commanded by one person")
        return
    if command.door != EVERY_DOOR or command.op == "release":
        raise BadMessage("Command: a zone is commanded whole, and a release lets one in at one door")
    two_people = command.iss2 and command.iss2 != command.iss
    two_keys = command.kid2 and command.kid2 != command.kid
    if not (two_people and two_keys):
        raise BadMessage("Command: a zone is commanded by two people with two keys")
