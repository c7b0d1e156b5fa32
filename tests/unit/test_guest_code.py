"""The code a phone mints is, byte for byte, the code the gates read: one vector, two languages."""

import base64
import json
import subprocess
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cloud_sync.protocol.code import b45encode, compose, parse, unsigned
from edge.core.credentials import CodeAccepted, judge_code
from edge.core.events import AccessPointId, CredentialKind
from edge.core.passes import Credential
from tools.web_assets import npm_command

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "cloud_sync" / "web" / "static"
VECTOR = json.loads((ROOT / "tests" / "golden" / "vectors" / "code.json").read_text())
SEED = bytes(range(32))

RUN = """
const code = require(process.argv[2]);
const nacl = require(process.argv[3]);
const asked = JSON.parse(process.argv[4]);
const pair = nacl.sign.keyPair.fromSeed(Uint8Array.from(Buffer.from(asked.seed, "hex")));
const minted = asked.steps.map(step => code.mint(asked.credential, step, m => nacl.sign.detached(m, pair.secretKey)));
const encoded = asked.bytes.map(hex => code.b45encode(Uint8Array.from(Buffer.from(hex, "hex"))));
console.log(JSON.stringify({public: Buffer.from(pair.publicKey).toString("hex"), minted, encoded,
  step: code.stepAt(asked.now_ms)}));
"""


@pytest.fixture(scope="module")
def phone(tmp_path_factory):
    """The page's own scripts, run by node."""
    script = tmp_path_factory.mktemp("node") / "run.js"
    script.write_text(RUN)
    command, _ = npm_command()
    node = command[0] if command[0].endswith("node") else "node"

    def ask(**words):
        asked = {
            "seed": SEED.hex(),
            "credential": VECTOR["credential_hex"],
            "steps": [],
            "bytes": [],
            "now_ms": 0,
        }
        files = [str(STATIC / "guest" / "code.js"), str(STATIC / "vendor" / "nacl-fast.min.js")]
        run = subprocess.run(
            [node, str(script), *files, json.dumps({**asked, **words})],
            capture_output=True,
            text=True,
            timeout=180,
            check=True,
        )
        return json.loads(run.stdout)

    return ask


def test_the_phone_mints_the_golden_code(phone):
    """The vector's key is the one of this seed, or the vector would be of another phone."""
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    credential = bytes.fromhex(VECTOR["credential_hex"])
    expected = compose(credential, VECTOR["step"], key.sign(unsigned(credential, VECTOR["step"])))
    answer = phone(steps=[VECTOR["step"]], now_ms=VECTOR["unix_s"] * 1000)
    assert answer["public"] == VECTOR["public_hex"]
    assert answer["minted"] == [VECTOR["text"]] == [expected]
    assert answer["step"] == VECTOR["step"]


@pytest.mark.parametrize("step", [0, 1, 255, 256, 65_536, 2**31 - 1, 2**31, 2**32 - 1])
def test_every_step_the_phone_can_reach_is_accepted_at_the_door(phone, step):
    (text,) = phone(steps=[step])["minted"]
    code = parse(text)
    assert (code.credential.hex(), code.step) == (VECTOR["credential_hex"], step)
    held = Credential(CredentialKind.QR, VECTOR["credential_hex"], bytes.fromhex(VECTOR["public_hex"]))
    outcome = judge_code(code, held, None, AccessPointId("AP-1"), step, _verify)
    assert isinstance(outcome, CodeAccepted)


def test_base45_of_the_phone_is_base45_of_the_gate(phone):
    samples = [b"", b"\0", b"\xff", b"AB", b"\xff\xff", bytes(range(86)), bytes(85), b"\0\xff" * 43]
    answer = phone(bytes=[sample.hex() for sample in samples])
    assert answer["encoded"] == [b45encode(sample) for sample in samples]


def _verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def test_what_the_browser_loads_is_plain_enough_for_old_phones():
    """Nothing beyond ES2017: no modules, no optional chaining, no class fields, no BigInt."""
    modern = ("import ", "export ", "?.", "??", "BigInt", "=>", "async ", "await ", "`", "static {")
    for name in ("code.js", "pass.js", "form.js", "worker.js"):
        text = (STATIC / "guest" / name).read_text()
        assert [word for word in modern if word in text] == [], name


def test_a_public_key_travels_as_the_interface_wants_it(phone):
    raw = bytes.fromhex(phone()["public"])
    assert len(base64.b64decode(base64.b64encode(raw), validate=True)) == 32
