"""A pass as people carry it: what was signed once reads for ever, and nothing else gets through."""

import contextlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import zxingcpp
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core.codes import ulid
from cloud_sync.protocol import bundle
from cloud_sync.protocol.bundle import CLASSES, DOORS_MAX, LIFE_MAX_MIN, VERSION_MAX, Kind, PassText
from cloud_sync.protocol.code import BadCode, b45decode, b45encode
from edge.core.passes import SubjectClass
from tests.fakes.bundles import PASS_ID, Phone, bearer, day_code, told
from tools.web_assets import npm_command

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "cloud_sync" / "web" / "static"
KNOWN = json.loads((ROOT / "tests" / "golden" / "vectors" / "bundle.json").read_text())
BESIDE = {Kind.BEARER: 0, Kind.PHONE: 32, Kind.DAY_CODE: 8}


def passes() -> st.SearchStrategy[PassText]:
    second = st.integers(0, 2**32 - 1)
    return st.sampled_from(list(Kind)).flatmap(
        lambda kind: st.builds(
            PassText,
            kind=st.just(kind),
            cls=st.sampled_from(CLASSES),
            kid=st.binary(min_size=4, max_size=4).map(bytes.hex),
            pass_id=st.builds(
                lambda ms, chance: "PS-" + ulid(ms, chance),
                st.integers(0, 2**48 - 1),
                st.binary(min_size=10, max_size=10),
            ),
            pass_version=st.integers(0, VERSION_MAX),
            prereq=st.integers(0, 255),
            not_before_s=second,
            not_after_s=second,
            issued_s=second,
            life_min=st.integers(1, LIFE_MAX_MIN),
            doors=st.frozensets(st.binary(min_size=3, max_size=3), min_size=1, max_size=DOORS_MAX),
            beside=st.binary(min_size=BESIDE[kind], max_size=BESIDE[kind]),
        )
    )


@given(passes(), st.integers(0, 2**32 - 1))
def test_what_is_composed_parses_to_its_parts(wanted, step):
    body = bundle.encode_body(wanted)
    if wanted.kind is Kind.PHONE:
        read = bundle.parse(bundle.compose_use(body, b"s" * 64, step, b"u" * 64))
        assert (read.step, read.use_signature) == (step, b"u" * 64)
    else:
        read = bundle.parse(bundle.compose(body, b"s" * 64))
    assert (read.told, read.body, read.signature) == (wanted, body, b"s" * 64)
    assert read.signed == bundle.signing_bytes(body)


@given(st.text(max_size=400), st.binary(max_size=300))
def test_anything_else_is_refused_and_never_breaks_the_reader(text, data):
    for one in (text, "AC1:" + text):
        with pytest.raises(BadCode):
            bundle.parse(one)
    with contextlib.suppress(BadCode):
        bundle.parse("AC1:" + b45encode(data))


@given(st.data())
def test_every_flipped_bit_is_another_text_or_none(data):
    whole = bytearray(b45decode(bearer().removeprefix("AC1:")))
    at = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[at // 8] ^= 1 << at % 8
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(KNOWN["community_public_hex"]))
    try:
        read = bundle.parse("AC1:" + b45encode(bytes(whole)))
    except BadCode:
        return
    with pytest.raises(InvalidSignature):
        key.verify(read.signature, read.signed)


@pytest.mark.parametrize("kind", ["bearer", "phone", "day_code"])
def test_a_pass_signed_once_reads_for_ever(kind):
    known = KNOWN[kind]
    read = bundle.parse(known["text"])
    assert (read.told.kind.name.lower(), read.told.pass_id) == (kind, KNOWN["pass_id"])
    assert (read.told.pass_version, read.told.prereq, read.told.cls, read.told.life_min) == (
        7,
        7,
        "guest",
        1440,
    )
    assert (read.told.not_before_s, read.told.not_after_s, read.told.issued_s) == (
        1795273200,
        1795345200,
        1795276800,
    )
    assert read.told.doors == bundle.tags_of(KNOWN["doors"])
    assert read.body.hex() == known["body_hex"] == bundle.encode_body(read.told).hex()
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(KNOWN["community_public_hex"]))
    key.verify(read.signature, read.signed)
    if kind == "phone":
        assert read.step == known["step"]
        Ed25519PublicKey.from_public_bytes(read.told.beside).verify(read.use_signature, read.used)
    if kind == "day_code":
        proof = bundle.pin_proof(bytes.fromhex(KNOWN["pin_key_hex"]), read.pin_salt, KNOWN["pin"])
        assert proof == read.told.beside


def test_the_page_s_own_script_composes_the_same_text(tmp_path):
    script = tmp_path / "run.js"
    script.write_text("""
const code = require(process.argv[2]), nacl = require(process.argv[3]), asked = JSON.parse(process.argv[4]);
const pair = nacl.sign.keyPair.fromSeed(Uint8Array.from(Buffer.from(asked.seed, "hex")));
const signed = Uint8Array.from(Buffer.from(asked.signed, "hex"));
console.log(code.mintPass(signed, asked.step, m => nacl.sign.detached(m, pair.secretKey)));
""")
    command, _ = npm_command()
    node = command[0] if command[0].endswith("node") else "node"
    asked = {
        "seed": KNOWN["phone_seed_hex"],
        "signed": KNOWN["phone"]["signed_hex"],
        "step": KNOWN["phone"]["step"],
    }
    files = [str(STATIC / "guest" / "code.js"), str(STATIC / "vendor" / "nacl-fast.min.js")]
    run = subprocess.run(
        [node, str(script), *files, json.dumps(asked)],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    assert run.stdout.rstrip("\n") == KNOWN["phone"]["text"]


def modules(text: str, level: str) -> int:
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level=level)
    return int(zxingcpp.write_barcode_to_image(code, scale=1, add_quiet_zones=False).shape[0])


@pytest.mark.parametrize(
    ("doors", "phone", "paper"),
    [(3, 53, 49), (5, 53, 49), (6, 57, 49), (DOORS_MAX, 57, 53)],
)
def test_how_large_the_codes_are(doors, phone, paper):
    """QR version (modules − 17) / 4: 9 and 10 at L for a phone's screen, 8 and 9 at M for a day code on paper."""
    tags = bundle.tags_of([f"AP-{n}" for n in range(doors)])
    assert modules(Phone().shows(doors=tags), "L") == phone
    assert modules(day_code("630517", doors=tags), "M") == paper


@pytest.mark.parametrize(
    "changes",
    [
        {"life_min": LIFE_MAX_MIN + 1},
        {"life_min": 0},
        {"doors": frozenset()},
        {"doors": frozenset(bytes([n, 0, 0]) for n in range(DOORS_MAX + 1))},
        {"pass_version": VERSION_MAX + 1},
        {"pass_id": "PS-1"},
        {"pass_id": "PX-01KB7Q2M3N4P5R6S7T8V9W0XYZ"},
        {"pass_id": "PS-ZZZZZZZZZZZZZZZZZZZZZZZZZZ"},
        {"beside": b"x"},
    ],
)
def test_what_does_not_fit_is_not_signed(changes):
    with pytest.raises(BadCode):
        bundle.encode_body(told(**changes))


def test_a_text_that_says_it_lives_longer_than_a_day_is_refused_although_it_is_signed():
    body = bytearray(bundle.encode_body(told()))
    body[37:39] = (LIFE_MAX_MIN + 1).to_bytes(2, "big")
    with pytest.raises(BadCode, match="too long"):
        bundle.parse(bundle.compose(bytes(body), b"s" * 64))


def test_the_classes_of_the_wire_are_those_of_the_doors():
    assert tuple(SubjectClass) == CLASSES


def test_a_day_code_s_pin_is_bound_to_all_it_says():
    key = bytes(32)
    salts = [bundle.encode_body(replace(told(), pass_version=n)) for n in (1, 2)]
    assert bundle.pin_proof(key, salts[0], "630517") != bundle.pin_proof(key, salts[1], "630517")
    assert told().pass_id == PASS_ID
