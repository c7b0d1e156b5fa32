"""By e-mail, handed to the community's own SMTP server."""

import ipaddress
import smtplib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from cloud_sync.connectors.notify.ways import Way, WaySettings, read_secret, refuse_synthetic
from cloud_sync.errors import ConnectorError, Refused
from cloud_sync.ports_guest import Notice

RECEIPT_MAX = 200
NEVER_FROM = 500  # RFC 5321: 4yz is for now, 5yz for good


class EmailSettings(WaySettings):
    """``[notify.email]``: the server that takes the community's mail."""

    host: str = Field(description="The SMTP server.")
    port: int = Field(587, ge=1, le=65535, description="Its port.")
    tls: Literal["starttls", "implicit", "none"] = Field(
        "starttls", description="`none` is for a server on this machine only."
    )
    user: str = Field("", description="Who logs in; left out, nobody does.")
    password_file: Path | None = Field(None, description="A file with the password.")
    sender: str = Field(pattern=r"^[^@\s]+@[^@\s]+$", description="The address guests see and answer to.")
    within_s: float = Field(20.0, gt=0, le=30, description="How long one step of the conversation may take.")

    @model_validator(mode="after")
    def _plain_stays_here(self) -> "EmailSettings":
        if self.tls == "none" and not _is_loopback(self.host):
            raise ValueError(f"mail to {self.host} has to be encrypted; set tls")
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class EmailNotifier:
    """One connection per message: a community writes a few dozen a day."""

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings
        self._password = read_secret(settings.password_file)

    def send(self, notice: Notice) -> str:
        """The server's own words after it has taken the message."""
        refuse_synthetic(notice)
        message = self._message(notice)
        try:
            with self._connected() as server:
                return self._hand_over(server, message)
        except (OSError, smtplib.SMTPException) as error:
            # The words of the error may repeat the address, so only its kind goes on.
            raise ConnectorError(
                f"{self._settings.host} did not take the mail ({type(error).__name__}); tried again."
            ) from error

    def _message(self, notice: Notice) -> EmailMessage:
        message = EmailMessage()
        try:
            message["To"] = Address(addr_spec=notice.to)
        except (MessageError, ValueError, IndexError) as error:
            raise Refused(
                "notify.address", "this is not an e-mail address; correct it and invite again."
            ) from error
        message["From"] = self._settings.sender
        message["Subject"] = notice.subject
        message["Date"] = formatdate(notice.at_ms / 1000)
        # The same message sent twice, after a crash between sending and writing down, is recognised as one.
        message["Message-ID"] = f"<{notice.id}@{self._settings.sender.split('@')[1]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(notice.text)
        return message

    def _connected(self) -> smtplib.SMTP:
        chosen, within_s = self._settings, self._settings.within_s
        if chosen.tls == "implicit":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                chosen.host, chosen.port, timeout=within_s, context=context
            )
        else:
            server = smtplib.SMTP(chosen.host, chosen.port, timeout=within_s)
        try:
            if chosen.tls == "starttls":
                server.starttls(context=ssl.create_default_context())
            if chosen.user:
                server.login(chosen.user, self._password)
        except BaseException:
            server.close()
            raise
        return server

    def _hand_over(self, server: smtplib.SMTP, message: EmailMessage) -> str:
        """Step by step, because the answer to the last one is the receipt."""
        to = message["To"].addresses[0].addr_spec
        server.ehlo_or_helo_if_needed()
        self._taken("sender", *server.mail(self._settings.sender))
        self._taken("address", *server.rcpt(to))
        return self._taken("message", *server.data(message.as_bytes()))

    def _taken(self, step: str, code: int, text: bytes) -> str:
        """The server's words when it said yes; anything else ends the conversation here."""
        if code >= NEVER_FROM:
            raise Refused(f"notify.{step}", f"{self._settings.host} refused the {step} with {code}.")
        if code not in (250, 251):
            raise ConnectorError(f"{self._settings.host} answered {code} to the {step}; tried again.")
        return f"{code} {text.decode('utf-8', 'replace')}"[:RECEIPT_MAX]


EMAIL = Way(EmailSettings, EmailNotifier)
