"""Core values to wire bytes and back, in this file only."""

from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from cloud_sync.protocol import commands, merkle
from cloud_sync.protocol.messages import BadMessage, CmdAck, EventBody, Match, Pad, PassRow
from edge.core.commands import Answer, Op, Order, Received
from edge.core.events import AccessPointId, CredentialKind, Fact, PassId, Stamp, SubjectRef
from edge.core.passes import Credential, Pass, PassState, Prereq, SubjectClass


def encode_fact(fact: Fact, stamp: Stamp) -> bytes:
    """The body of one event, encoded once and kept: no upgrade changes what was recorded."""
    match, pad = fact.match, fact.pad
    body = EventBody(
        type=fact.type,
        boot_id=stamp.boot_id,
        mono_ms=stamp.mono_ms,
        wall=wall_text(stamp.wall_ms),
        clock_state=stamp.clock_state.value,
        clock_bound_ms=stamp.clock_bound_ms,
        access_point=fact.access_point,
        direction=fact.direction,
        mode=fact.mode,
        contact=fact.contact,
        bolt=fact.bolt,
        door_result=fact.door_result,
        subject_ref=fact.subject_ref,
        class_=fact.cls,
        pass_id=fact.pass_id,
        pass_version=fact.pass_version,
        grant_id=fact.grant_id,
        credential_kind=fact.credential_kind.value if fact.credential_kind else None,
        registered=fact.registered,
        match=None
        if match is None
        else Match(
            score_bucket=match.score_bucket,
            margin_bucket=match.margin_bucket,
            threshold_id=match.threshold_id,
            model=match.model,
            gallery_version=match.gallery_version,
            gallery_n=match.gallery_n,
        ),
        pad=None
        if pad is None
        else Pad(result=pad.result, score_bucket=pad.score_bucket, species_hint=pad.species_hint),
        quality=fact.quality,
        decision=fact.decision,
        reason=fact.reason,
        actor=fact.actor,
        link_state=fact.link_state,
        freshness=fact.freshness,
        evidence_ref=fact.evidence_ref,
        policy_version=fact.policy_version,
        auth_ver=fact.auth_ver,
        x=fact.x or None,
    )
    return msgspec.json.encode(body)


def received(data: bytes, *, retained: bool, nonces: frozenset[str]) -> Received:
    """A publish on the command topic, as ``judge`` wants it; whatever the bytes are."""
    try:
        signature, body, command = commands.split(data)
    except BadMessage:
        return Received(retained, None)
    order = Order(
        tenant=command.t,
        node=command.node,
        door=AccessPointId(command.door),
        id=command.id,
        ctr=command.ctr,
        issued_ms=command.iat,
        expires_ms=command.exp,
        op=Op(command.op),
        issuer=command.iss,
        kid=command.kid,
        second=command.iss2,
        kid2=command.kid2,
        nonce=command.nonce,
        cls=command.arg.class_,
    )
    return Received(retained, order, commands.signing_bytes(body), signature, nonces)


def cmdack(answer: Answer) -> CmdAck:
    return CmdAck(
        id=answer.id,
        state=answer.state.value,
        why=answer.why,
        mode=answer.mode,
        seq=answer.seq,
        door=answer.door,
    )


def wall_text(wall_ms: int) -> str:
    """RFC 3339 UTC with milliseconds."""
    moment = datetime.fromtimestamp(wall_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{wall_ms % 1000:03d}Z"


def decode_passes(packed: bytes) -> list[Pass]:
    """The rows of a snapshot as the decisions know them.

    Raises:
        ValueError: the bytes are not a list of pass rows, or a word in them is not known here.
    """
    try:
        return [_pass(row) for row in merkle.unpack(packed)]
    except msgspec.DecodeError as error:
        raise ValueError(f"pass rows do not decode: {error}") from error


@lru_cache(maxsize=1_024)
def _scope(points: tuple[str, ...]) -> frozenset[AccessPointId]:
    """Thousands of passes lead to the same doors: they share one set, or 20,000 of them would take a node's memory."""
    return frozenset(AccessPointId(point) for point in points)


def _pass(row: PassRow) -> Pass:
    return Pass(
        pass_id=PassId(row.pass_id),
        pass_version=row.pass_version,
        subject_ref=SubjectRef(row.subject_ref),
        cls=SubjectClass(row.cls),
        state=PassState(row.state),
        scope=_scope(tuple(row.scope)),
        schedule=row.schedule,
        not_before_ms=row.not_before,
        not_after_ms=row.not_after,
        prereq=Prereq(row.prereq),
        policy=row.policy,
        creds=tuple(Credential(CredentialKind(cred.kind), cred.cred_id, cred.verifier) for cred in row.creds),
    )
