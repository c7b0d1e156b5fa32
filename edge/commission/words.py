"""What the technician reads, in zh and en."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from edge.core.commissioning import Item

Language = Literal["zh", "en"]

WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "title": (
            "验收：{door}（节点 {node}，锁型 {lock}）",
            "Commissioning {door} (node {node}, lock {lock})",
        ),
        "keys": (
            "是=y 否=n，Ctrl-C 停止；下次从这里继续。",
            "y = yes, n = no, Ctrl-C stops; next time goes on from there.",
        ),
        "resumed": (
            "继续上次的验收，已完成 {done} 项。",
            "Going on with the last walk; {done} items are done.",
        ),
        "item": ("—— {item} ——", "—— {item} ——"),
        "was_passed": ("通过：{seen}", "passed: {seen}"),
        "was_not_fitted": ("不适用：{seen}", "not fitted: {seen}"),
        "was_failed": ("未通过：{seen}", "failed: {seen}"),
        "again": ("再试一次吗？", "Try again?"),
        "lock_begin": (
            "现在放开锁一次。请站在门边，听锁声，推拉门。",
            "The lock is released once now. Stand at the door, listen, and pull.",
        ),
        "lock_seen": (
            "放开时门能打开，之后门又锁住了吗？",
            "Did the door open while released, and does it hold again now?",
        ),
        "contact_open": (
            "锁已放开：请打开门，保持打开。",
            "The lock is released: open the door and keep it open.",
        ),
        "contact_close": ("已看到门开。请关上门。", "Seen open. Close the door."),
        "rex_press": ("请按住出门按钮。", "Press the exit button and hold it."),
        "rex_let_go": (
            "已看到按下。请松开按钮，从里面出门一次，再关上门。",
            "Seen. Let go, leave by the door from inside, and close it.",
        ),
        "rex_left": ("从里面出门顺利吗？", "Could you leave from inside without trouble?"),
        "handle": (
            "不用钥匙，从里面用把手开门出去，再关上门。",
            "Without a key, open the door from inside by its handle, leave, and close it.",
        ),
        "handle_left": ("只用把手就能从里面开门吗？", "Did the handle alone open the door from inside?"),
        "fire_begin": ("请触发火警输入（接在 {door}）。", "Trigger the fire input (it is wired at {door})."),
        "fire_quiet": (
            "门已放开。请让火警输入恢复安静。",
            "The door is released. Make the fire input quiet again.",
        ),
        "fire_reset": (
            "门仍然放开，对吗？现在由您复位吗？",
            "The door is still released, is it not? Do you end the release now?",
        ),
        "dead_begin_locked": (
            "请在另一个终端执行 sudo systemctl kill -s KILL gate-io，并看着门：它应当保持锁住。",
            "In another terminal: sudo systemctl kill -s KILL gate-io. Watch the door: it should stay locked.",
        ),
        "dead_begin_unlocked": (
            "请在另一个终端执行 sudo systemctl kill -s KILL gate-io，并看着门：它应当放开。",
            "In another terminal: sudo systemctl kill -s KILL gate-io. Watch the door: it should let go.",
        ),
        "dead_locked": (
            "gate-io 停掉时门一直锁住，并且从里面能出去吗？",
            "Did the door stay locked while gate-io was dead, and could you leave from inside?",
        ),
        "dead_unlocked": ("gate-io 停掉时门放开了吗？", "Did the door let go while gate-io was dead?"),
        "camera_view": (
            "摄像头只看门前客人站的地方，不看住户屋内和别家的门，对吗？（不保存图片）",
            "Does the camera see where guests stand, and no inside of a home nor a neighbour's door? (No picture is kept.)",
        ),
        "sign_hangs": (
            "摄像头旁挂着告示，站在门前读得到吗？",
            "Does the sign hang at the camera, readable from where guests stand?",
        ),
        "other_way": (
            "请在门前出示一个码，或输入 PIN，或刷卡；未验收的门会拒绝，这没关系。",
            "Show a code, type a PIN or hold a card at this door; a door not commissioned refuses it, and that is all right.",
        ),
        "other_way_reach": (
            "从站在门前的位置，1 米之内够得到它吗？坐轮椅也够得到吗？",
            "Is it within 1 m of where people stand at the door, from a wheelchair too?",
        ),
        "power_begin": (
            "最后一项：切断节点和锁的电源，从里面出门，看看入口。送电后再执行同一条命令。",
            "Last: cut the power of node and lock, leave from inside, look at the entrance. Then run the same command again.",
        ),
        "power_left": ("断电时能从里面出去吗？", "Could you leave from inside without power?"),
        "power_locked": ("断电时入口一直锁住吗？", "Did the entrance stay locked without power?"),
        "power_unlocked": ("断电时磁力锁放开了吗？", "Did the magnet let go without power?"),
        "stopped": (
            "已停止，进度已保存。再执行同一条命令继续。",
            "Stopped; what was found is kept. Run the same command to go on.",
        ),
        "verdict_passed": ("验收通过，报告已签名：{path}", "Passed; the signed report is {path}"),
        "verdict_failed": (
            "验收未通过，报告已签名：{path}。这个门不放行。",
            "Failed; the signed report is {path}. The door gives no grants.",
        ),
        # the items
        "item_lock": ("锁", "lock"),
        "item_contact": ("门磁", "contact"),
        "item_rex": ("出门", "way out"),
        "item_fire": ("火警", "fire"),
        "item_dead_level": ("gate-io 停掉时", "gate-io dead"),
        "item_camera": ("摄像头", "camera"),
        "item_sign": ("告示", "sign"),
        "item_other_way": ("不用人脸的办法", "another way than a face"),
        "item_power": ("断电", "power cut"),
    }
)


def text(key: str, language: Language, **parts: object) -> str:
    zh, en = WORDS[key]
    shown = {name: _word(value, language) for name, value in parts.items()}
    return (zh if language == "zh" else en).format(**shown)


def _word(value: object, language: Language) -> object:
    """An item of the list by its name; anything else as it is."""
    return text(f"item_{value}", language) if isinstance(value, Item) else value
