"""The browser on a node shows one page, may sound without having been touched, and keeps nothing."""

import json
from pathlib import Path

import pytest

FIRMWARE = Path(__file__).parents[2] / "firmware_config"
POLICY = json.loads((FIRMWARE / "provisioning" / "chromium-policy.json").read_text())


def test_one_address_is_allowed_and_every_other_is_not():
    assert POLICY["URLBlocklist"] == ["*"]
    assert [url.startswith("http://127.0.0.1:") for url in POLICY["URLAllowlist"]] == [True]


def test_the_screen_may_sound_before_anybody_touched_it():
    assert POLICY["AutoplayAllowed"] is True
    unit = (FIRMWARE / "systemd" / "gate-kiosk.service").read_text()
    assert "--autoplay-policy=no-user-gesture-required" in unit


@pytest.mark.parametrize(
    "kept", ["AutofillAddressEnabled", "PasswordManagerEnabled", "AudioCaptureAllowed", "VideoCaptureAllowed"]
)
def test_nothing_typed_is_kept_and_no_camera_of_the_browser_is_used(kept):
    assert POLICY[kept] is False
