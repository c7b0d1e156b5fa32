"""The configuration files of the evening's programs, as their owners would write them."""

SYNC = """
data_dir = "data"

[community]
code = "{community}"
name_zh = "东方新城二期（演示）"
name_en = "Dongfang Xincheng 2 (demonstration)"
synthetic = true
profile = "cn-self"

[web]
port = {web}
tls = false

[broker]
port = {broker}
embedded = true
"""

MOSQUITTO = """
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 1000
max_queued_messages 100000
log_type warning
"""

IO_HEAD = """
socket = "io.sock"
state_dir = "io-state"
journal = "io-journal.jsonl"
"""

IO_DOOR = """
[[door]]
access_point = "{door}"
lock_profile = "strike_fail_secure"
rex_unlocks = true
t_rex_ms = 2000
fire_group = "{node}"
lock = {{ driver = "simulated", record = "lock-{short}.jsonl" }}
inputs = {{ driver = "simulated", rig = "rig-{short}.sock", wired = ["contact", "rex", "fire", "reset", "beam"] }}
"""

BUILDING4_IO = """
socket = "io.sock"
state_dir = "io-state"
journal = "io-journal.jsonl"

[[door]]
access_point = "{side}"
lock_profile = "strike_fail_secure"
rex_unlocks = true
t_rex_ms = 2000
fire_group = "building-4"
lock = {{ driver = "osdp_output", port = "side.tty", key_file = "side.key" }}
readers = [{{ driver = "osdp", port = "side.tty", key_file = "side.key" }}]
indicators = [{{ driver = "osdp", port = "side.tty", key_file = "side.key" }}]
[door.inputs]
driver = "osdp"
port = "side.tty"
key_file = "side.key"
contact = {{ input = 0 }}
rex = {{ input = 1 }}
fire = {{ input = 2 }}
reset = {{ input = 3 }}

[[door]]
access_point = "{lane}"
lock_profile = "barrier"
rex_unlocks = true
t_rex_ms = 2000
fire_group = "building-4"
lock = {{ driver = "modbus_relay", bus = {{ host = "127.0.0.1", port = {board}, unit = 1 }}, coil = 0 }}
readers = [{{ driver = "osdp", port = "lane.tty", key_file = "lane.key" }}]
[door.inputs]
driver = "modbus"
bus = {{ host = "127.0.0.1", port = {board}, unit = 1 }}
contact = {{ input = 0 }}
rex = {{ input = 1 }}
beam = {{ input = 2 }}

[[door]]
access_point = "{room}"
lock_profile = "motor_bolt"
rex_unlocks = false
lock = {{ driver = "zigbee2mqtt", name = "{lock}" }}
"""

BUILDING4_NODE = """
node = "{node}"
data_dir = "data"
join_file = "join.json"
io_profile = "io.toml"
simulation = true

[clock]
rtc = "present"

[broker]
port = {broker}

[kiosk]
port = {kiosk}

[face]
enabled = false

[mqtt_locks]
port = {locks}
{doors}"""

NODE_HEAD = """
node = "{node}"
simulation = true
data_dir = "data"
join_file = "join.json"
io_profile = "io.toml"

[clock]
rtc = "present"
rehearsal = "clock.json"

[broker]
port = {broker}

[kiosk]
port = {kiosk}

[face]
enabled = {face}
engine = "{engine}"
"""

NODE_CAMERA = """
[[cameras]]
name = "{short}"
driver = "replay"
settings = {{ path = "../stage/{short}", journal = "shown-{short}.jsonl" }}
"""

NODE_CAMERA_LIVE = """
[[cameras]]
name = "{short}"
driver = "v4l2"
settings = {{ device = {device} }}
"""

NODE_CAMERA_FILM = """
[[cameras]]
name = "{short}"
driver = "replay"
settings = {{ path = "{path}" }}
"""

NODE_DOOR = """
[[doors]]
access_point = "{door}"
kind = "{kind}"
name_zh = "{zh}"
name_en = "{en}"
camera = "{short}"
lockdown_release_by_two = {two}
tailgate = "{tailgate}"

[doors.face]
mode = "one_to_n"
pia_record = "{pia}"
signage_attested_by = "demo director (synthetic)"
liveness = "{liveness}"
"""
