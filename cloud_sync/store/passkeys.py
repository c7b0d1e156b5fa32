"""Passkeys (WebAuthn): a challenge of ours, signed once by something the person has and was asked to prove they are at."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.accounts import PasskeySite
from cloud_sync.errors import Refused
from cloud_sync.ports import Clock
from cloud_sync.ports_accounts import Challenge, PasskeyLine
from cloud_sync.store import audit
from cloud_sync.store.ceremonies import Ceremonies, Kind
from cloud_sync.store.engine import reading
from cloud_sync.store.factor_key import FactorKey
from cloud_sync.store.tables_accounts import passkey, user

PER_USER_MAX = 10
NAME_MAX = 64
TIMEOUT_MS = 120_000
SITE_NAME = "Gatehouse"


class Passkeys:
    """Where ``site`` is None every call is refused."""

    def __init__(
        self,
        engine: sa.Engine,
        community: str,
        clock: Clock,
        key: FactorKey,
        ceremonies: Ceremonies,
        site: PasskeySite | None,
    ) -> None:
        self._engine = engine
        self._community = community
        self._clock = clock
        self._key = key
        self._ceremonies = ceremonies
        self.site = site

    def lines(self, name: str) -> tuple[PasskeyLine, ...]:
        query = sa.select(passkey).where(*self._of(name)).order_by(passkey.c.made_ms, passkey.c.credential)
        with reading(self._engine).connect() as connection:
            rows: list[Any] = list(connection.execute(query))
        return tuple(PasskeyLine(row.credential, row.name, row.made_ms, row.used_ms) for row in rows)

    def begin(self, name: str) -> Challenge:
        """A challenge for a new passkey of this person.

        Raises:
            Refused: no site, or this person has as many as there may be.
        """
        from webauthn import generate_registration_options, options_to_json
        from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
        from webauthn.helpers.structs import AuthenticatorSelectionCriteria as Criteria
        from webauthn.helpers.structs import (
            PublicKeyCredentialDescriptor,
            ResidentKeyRequirement,
            UserVerificationRequirement,
        )

        site, held = self._site(), self.lines(name)
        if len(held) >= PER_USER_MAX:
            raise Refused("passkey.many", f"there are {PER_USER_MAX} passkeys already; remove one first.")
        options = generate_registration_options(
            rp_id=site.rp_id,
            rp_name=SITE_NAME,
            user_name=name,
            user_id=self._key.handle(self._community, name),
            timeout=TIMEOUT_MS,
            authenticator_selection=Criteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(base64url_to_bytes(one.id)) for one in held],
        )
        token = self._ceremonies.begin(Kind.REGISTER, name, bytes_to_base64url(options.challenge))
        return Challenge(token, options_to_json(options))

    def verified(self, name: str, ceremony: str, answer: str) -> dict[str, Any]:
        """What is to be kept of a new passkey.

        Raises:
            Refused: the challenge is over or somebody else's, or the answer does not hold.
        """
        from webauthn import verify_registration_response
        from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
        from webauthn.helpers.exceptions import WebAuthnException

        site, held = self._site(), self._ceremonies.take(Kind.REGISTER, ceremony)
        if held is None or held.user != name:
            raise Refused("passkey.over", "this took too long; begin again.")
        try:
            made = verify_registration_response(
                credential=answer,
                expected_challenge=base64url_to_bytes(held.said),
                expected_rp_id=site.rp_id,
                expected_origin=site.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            raise Refused("passkey.answer", "this passkey was not accepted.") from error
        return {
            "credential": bytes_to_base64url(made.credential_id),
            "public_key": bytes_to_base64url(made.credential_public_key),
            "counter": made.sign_count,
        }

    def keep_in(self, connection: sa.Connection, name: str, called: str, made: dict[str, Any]) -> None:
        this = (passkey.c.community == self._community, passkey.c.credential == made["credential"])
        if connection.execute(sa.select(passkey.c.user).where(*this)).first() is not None:
            raise Refused("passkey.answer", "this passkey is kept already.")
        row = {"user": name, "name": called, "made_ms": self._clock.now_ms(), **made}
        connection.execute(sa.insert(passkey).values(community=self._community, **row))

    def remove_in(self, connection: sa.Connection, name: str, id_: str) -> bool:
        gone = connection.execute(sa.delete(passkey).where(*self._of(name), passkey.c.credential == id_))
        return gone.rowcount == 1

    def begin_sign_in(self) -> Challenge:
        """A challenge for whoever comes: their passkey says who they are."""
        from webauthn import generate_authentication_options, options_to_json
        from webauthn.helpers import bytes_to_base64url
        from webauthn.helpers.structs import UserVerificationRequirement

        options = generate_authentication_options(
            rp_id=self._site().rp_id,
            timeout=TIMEOUT_MS,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        token = self._ceremonies.begin(Kind.SIGN_IN, "", bytes_to_base64url(options.challenge))
        return Challenge(token, options_to_json(options))

    def take(self, ceremony: str, answer: str) -> str | None:
        """Whose passkey answered; None where nothing, or not everything, holds."""
        from webauthn.helpers import parse_authentication_credential_json as parse
        from webauthn.helpers.exceptions import WebAuthnException

        site, challenge = self._site(), self._ceremonies.take(Kind.SIGN_IN, ceremony)
        if challenge is None:
            return None
        try:
            said = parse(answer)
            held = self._row(said.id)
            if held is None or said.response.user_handle not in (None, self._handle(held.user)):
                return None
            counter = _verified(said, challenge.said, site, held.public_key)
        except (WebAuthnException, ValueError, KeyError, TypeError):
            return None
        return str(held.user) if self._count(held, counter) else None

    def _count(self, held: Any, counter: int) -> bool:
        """Keep how often it was used; one that counts and went back has a twin, which is refused and written down."""
        now_ms = self._clock.now_ms()
        this = (passkey.c.community == self._community, passkey.c.credential == held.credential)
        with self._engine.begin() as connection:
            role = sa.select(user.c.role).where(user.c.community == self._community, user.c.name == held.user)
            if (counter or held.counter) and counter <= held.counter:
                deed = audit.Deed(
                    held.user,
                    str(connection.execute(role).scalar_one()),
                    "user.passkey_counter",
                    held.user,
                    str(held.counter),
                    str(counter),
                )
                audit.record(connection, self._community, deed, now_ms)
                return False
            same = sa.update(passkey).where(*this, passkey.c.counter == held.counter)
            return connection.execute(same.values(counter=counter, used_ms=now_ms)).rowcount == 1

    def _row(self, credential: str) -> Any:
        query = sa.select(passkey).where(
            passkey.c.community == self._community, passkey.c.credential == credential
        )
        with reading(self._engine).connect() as connection:
            return connection.execute(query).one_or_none()

    def _handle(self, name: str) -> bytes:
        return self._key.handle(self._community, name)

    def _site(self) -> PasskeySite:
        if self.site is None:
            raise Refused("passkey.site", "there are no passkeys here: the pages have no name of their own.")
        return self.site

    def _of(self, name: str) -> tuple[sa.ColumnElement[bool], ...]:
        return passkey.c.community == self._community, passkey.c.user == name


def _verified(said: Any, challenge: str, site: PasskeySite, public_key: str) -> int:
    """The counter of an answer whose signature holds; it is compared by whoever kept the last one."""
    from webauthn import verify_authentication_response
    from webauthn.helpers import base64url_to_bytes

    found = verify_authentication_response(
        credential=said,
        expected_challenge=base64url_to_bytes(challenge),
        expected_rp_id=site.rp_id,
        expected_origin=site.origin,
        credential_public_key=base64url_to_bytes(public_key),
        credential_current_sign_count=0,
        require_user_verification=True,
    )
    return found.new_sign_count
