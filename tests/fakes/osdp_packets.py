"""OSDP packets taken apart by the norm and by nobody's library: what both ends misread together is seen here.

A packet: SOM 0x53, address (0x80 set in answers), length of two bytes from SOM to the end, control (sequence, 0x04 =
CRC, 0x08 = security block), the security block, one byte of kind, data, CRC.  All numbers little-endian.
"""

import struct
from dataclasses import dataclass

MARK, SOM, ANSWER, BY_CRC, SECURED, SEQUENCE = 0xFF, 0x53, 0x80, 0x04, 0x08, 0x03

POLL, ID, CAP, OUT, LED, BUZ = 0x60, 0x61, 0x62, 0x68, 0x69, 0x6A  # commands
ACK, PDID, PDCAP, OSTATR, RAW = 0x40, 0x45, 0x46, 0x4A, 0x50  # replies

SECURITY = 9  # function code of "communication security" in a PDCAP


@dataclass(frozen=True)
class Packet:
    address: int
    answer: bool
    sequence: int
    kind: int
    data: bytes


def crc16(data: bytes) -> int:
    """CRC-16 of polynomial 0x1021, begun at 0x1D0F, high bit first."""
    crc = 0x1D0F
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def decode(line: bytes) -> Packet | None:
    """A whole packet in clear with a right CRC, or None."""
    packet = line[1:] if line[:1] == bytes([MARK]) else line
    if len(packet) < 8 or packet[0] != SOM:
        return None
    address, length, control = struct.unpack_from("<BHB", packet, 1)
    if length != len(packet) or not control & BY_CRC or control & SECURED:
        return None
    (crc,) = struct.unpack("<H", packet[-2:])
    if crc != crc16(packet[:-2]):
        return None
    return Packet(address & 0x7F, bool(address & ANSWER), control & SEQUENCE, packet[5], packet[6:-2])


def encode(packet: Packet, data: bytes) -> bytes:
    """The same packet with other data."""
    address = packet.address | (ANSWER if packet.answer else 0)
    head = struct.pack("<BBHBB", SOM, address, 8 + len(data), BY_CRC | packet.sequence, packet.kind)
    return head + data + struct.pack("<H", crc16(head + data))
