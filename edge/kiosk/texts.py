"""The sentences of the kiosk in both languages, side by side as they stand on the screen."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edge.kiosk.state import DoorView, HelpState, Screen
from edge.ports_io import Show


@dataclass(frozen=True, slots=True)
class Both:
    zh: str
    en: str

    def at(self, until: str) -> "Both":
        return self.put("until", until)

    def put(self, name: str, value: str) -> "Both":
        """With ``value`` in the place called ``name``."""
        return Both(self.zh.replace(f"{{{name}}}", value), self.en.replace(f"{{{name}}}", value))


@dataclass(frozen=True, slots=True)
class Sentence:
    """The one thing to do, large, and how, below it."""

    title: Both
    hint: Both


SENTENCES: Mapping[Screen, Sentence] = MappingProxyType({
    Screen.LOOK_HERE: Sentence(
        Both("请看这里", "Look here"),
        Both("也可以出示通行码", "Or show your code"),
    ),
    Screen.WELCOME: Sentence(
        Both("请进", "Welcome"),
        Both("门已打开", "The door is open"),
    ),
    Screen.ENROL_ANEW: Sentence(
        Both("请进", "Welcome"),
        Both("人脸识别更新中，方便时请到门岗重新录入，或改用通行码", "Please enrol your face again with the staff, or use the code from now on"),
    ),
    Screen.SHOW_CODE: Sentence(
        Both("请出示通行码", "Show your code"),
        Both("请将手机上的二维码对准摄像头，或联系值班人员", "Hold the QR code on your phone up to the camera, or ask the staff"),
    ),
    Screen.ASK_STAFF: Sentence(
        Both("请联系值班人员", "Please ask the staff"),
        Both("请到门岗或打电话，工作人员会和您一起查看", "Go to the gate or call; they look at it with you"),
    ),
    Screen.WAIT_UNTIL: Sentence(
        Both("请等到 {until}", "Please wait until {until}"),
        Both("到时请再试；需要帮助请联系值班人员", "Try again then, or ask the staff now"),
    ),
    Screen.ONE_AT_A_TIME: Sentence(
        Both("请一次一人", "One at a time, please"),
        Both("请其他人稍后退一步", "Others, please take a step back"),
    ),
    Screen.TRY_AGAIN: Sentence(
        Both("请再试一次", "Please try again"),
        Both("请站近一些，正对摄像头", "Come closer and face the camera"),
    ),
    Screen.FACE_OFF: Sentence(
        Both("请出示通行码", "Show your code"),
        Both("此门不使用人脸识别", "This door does not use faces"),
    ),
    Screen.ENROLLING: Sentence(
        Both("请看这里，不要动", "Look here, hold still"),
        Both("正在录入您的面部特征，不保存照片", "Taking your face pattern; no photo is kept"),
    ),
    Screen.ENROL_AHEAD: Sentence(
        Both("请正对镜头 1/3", "Look straight ahead 1/3"),
        Both("正在录入您的面部特征，不保存照片", "Taking your face pattern; no photo is kept"),
    ),
    Screen.ENROL_LEFT: Sentence(
        Both("请稍向左转 2/3", "Turn a little to your left 2/3"),
        Both("慢慢转，舒服就好，眼睛可以看屏幕", "Slowly, as far as is comfortable; you may keep your eyes here"),
    ),
    Screen.ENROL_RIGHT: Sentence(
        Both("请稍向右转 3/3", "Turn a little to your right 3/3"),
        Both("慢慢转，舒服就好，眼睛可以看屏幕", "Slowly, as far as is comfortable; you may keep your eyes here"),
    ),
    Screen.ENROLLED: Sentence(
        Both("录入完成", "All set"),
        Both("下次看一眼即可进门", "Next time, just look here"),
    ),
    Screen.REGISTER: Sentence(
        Both("请先办理入住登记", "Please register first"),
        Both("请用手机扫码登记，或请值班人员办理", "Scan with your phone, or ask the staff to register you"),
    ),
    Screen.NEXT_CODE: Sentence(
        Both("请出示下一个通行码", "Show the next code"),
        Both("请打开页面出示，不要用截图；通行码每 30 秒更换", "Open the page itself, not a picture of it: the code changes every 30 seconds"),
    ),
    Screen.OTHER_DOOR: Sentence(
        Both("请先关好另一扇门", "Shut the other door first"),
        Both("关好后请在这里再试一次", "Try again here when it is shut"),
    ),
    Screen.CODE_FIRST: Sentence(
        Both("请出示通行码", "Show your code"),
        Both("已录入面部的客人随后请看镜头；其他客人凭码进门", "If your face is enrolled, look here after it; otherwise the code opens"),
    ),
    Screen.CODE_ONLY: Sentence(
        Both("请出示通行码", "Show your code"),
        Both("目前人数较多，此门暂不使用人脸", "Too many guests just now to tell faces apart safely"),
    ),
    Screen.LOOK_AFTER_CODE: Sentence(
        Both("请看这里", "Now look here"),
        Both("请放下手机，正对镜头", "Lower the phone and face the camera"),
    ),
    Screen.TWO_REFUSED: Sentence(
        Both("门未打开", "The door stays shut"),
        Both("请出示新的通行码再看镜头，或联系值班人员", "Show a fresh code and look here again, or ask the staff"),
    ),
    Screen.TURN_LEFT: Sentence(
        Both("请向左转头", "Turn your head left"),
        Both("再转回来；也可以随时出示通行码", "Then back again; or show your code at any time"),
    ),
    Screen.TURN_RIGHT: Sentence(
        Both("请向右转头", "Turn your head right"),
        Both("再转回来；也可以随时出示通行码", "Then back again; or show your code at any time"),
    ),
    Screen.NOD: Sentence(
        Both("请点一下头", "Nod, please"),
        Both("再抬起头；也可以随时出示通行码", "Then look up again; or show your code at any time"),
    ),
    Screen.LOOK_STRAIGHT: Sentence(
        Both("请看正前方", "Look straight ahead"),
        Both("也可以随时出示通行码", "Or show your code at any time"),
    ),
    Screen.NOW_PIN: Sentence(
        Both("请再输入 PIN 码", "Now type your PIN"),
        Both("请在半分钟内输入；此门需要两种凭证", "Within half a minute; two things are asked for here"),
    ),
    Screen.NOW_SECOND: Sentence(
        Both("请再出示第二种凭证", "Now show a second one"),
        Both("通行码、门卡或 PIN 码，请在半分钟内出示", "Code, card or PIN, within half a minute"),
    ),
    Screen.SECOND_PERSON: Sentence(
        Both("请第二人出示凭证", "Now the second person"),
        Both("此门需两人同行，请在半分钟内出示", "This door opens for two people, within half a minute"),
    ),
    Screen.PIN_REFUSED: Sentence(
        Both("此 PIN 码现在不能开门", "This PIN does not open the door now"),
        Both("请核对后再输入，或联系值班人员", "Check it and type it again, or ask the staff"),
    ),
    Screen.LEAVE: Sentence(
        Both("请立即离开", "Leave the building"),
        Both("此门已打开，请就近离开", "This door is open: use the nearest way out"),
    ),
    Screen.LOCKED_DOWN: Sentence(
        Both("暂停进入", "Nobody can enter now"),
        Both("可以随时出门；需要帮助请联系值班人员", "The way out is free; ask the staff"),
    ),
    Screen.BLOCKED: Sentence(
        Both("此门停用", "This door is closed"),
        Both("请走其他入口，或联系值班人员；可以随时出门", "Use another entrance, or ask the staff; the way out is free"),
    ),
    Screen.OUT_OF_ORDER: Sentence(
        Both("此门故障", "This door is out of order"),
        Both("请走其他入口，或联系值班人员；可以随时出门", "Use another entrance, or ask the staff; the way out is free"),
    ),
    Screen.NOT_IN_SERVICE: Sentence(
        Both("此门尚未启用", "This door is not in use yet"),
        Both("请走其他入口，或联系值班人员；可以随时出门", "Use another entrance, or ask the staff; the way out is free"),
    ),
    Screen.OPEN_DOOR: Sentence(
        Both("门已开放", "The door is open"),
        Both("请进，现在无需出示凭证", "Please come in; nothing needs to be shown now"),
    ),
})  # fmt: skip

# A door that opens for nobody, where the entrance next to it is written down.
CLOSED = frozenset({Screen.BLOCKED, Screen.OUT_OF_ORDER, Screen.NOT_IN_SERVICE})
GO_NEAR = Both(
    "请走{near}，或联系值班人员；可以随时出门", "Use {near}, or ask the staff; the way out is free"
)
LOST_NEAR = Both("或请走{near}", "or use {near}")

# A small task set by the door; each says beside itself that a code will do as well.
TASKS = frozenset({Screen.TURN_LEFT, Screen.TURN_RIGHT, Screen.NOD, Screen.LOOK_STRAIGHT})
# Screens on which nobody is asked to do anything else; every other one is a no, and says what to do next.
CALM = TASKS | frozenset(
    {
        Screen.LOOK_HERE,
        Screen.WELCOME,
        Screen.ENROL_ANEW,
        Screen.FACE_OFF,
        Screen.ENROLLING,
        Screen.ENROL_AHEAD,
        Screen.ENROL_LEFT,
        Screen.ENROL_RIGHT,
        Screen.ENROLLED,
        Screen.CODE_FIRST,
        Screen.CODE_ONLY,
        Screen.LOOK_AFTER_CODE,
        Screen.OPEN_DOOR,
        Screen.NOW_PIN,
        Screen.NOW_SECOND,
        Screen.SECOND_PERSON,
    }
)

LIVENESS_OFF = Both("演示：活体检测已关闭", "Demo: liveness check is off")
DRY_RUN = Both("试运行：只作记录，不拦阻通行", "Trial run: this door only takes notes, it holds nobody back")
ENGINE_SIMULATED = Both("演示：人脸引擎为模拟", "Demo: the face engine is simulated")
NO_CONNECTION = Both("屏幕未连接，请联系值班人员", "This screen is not connected; please ask the staff")
NO_SUCH_DOOR = Both("此节点没有这扇门，请在下面选择", "This node has no such door; choose one below")
CHOOSE_DOOR = Both("请选择本屏幕所在的门", "Choose the door this screen stands at")


PIN_OPEN = Both("输入 PIN 码", "Enter PIN")
PIN_TITLE = Both("请输入 PIN 码（6 至 12 位数字）", "Type your PIN (6 to 12 digits)")
PIN_CLEAR = Both("清除", "Clear")
PIN_CLOSE = Both("取消", "Cancel")
PIN_ENTER = Both("确定", "OK")
PIN_SHORT = Both("PIN 码至少六位，请输完再确定", "Type all of it: a PIN has at least six digits")
PIN_BUSY = Both("请稍候再输入一次，或联系值班人员", "Wait a moment and type it again, or ask the staff")
SCAN = Both("登记页面的二维码", "QR code of the page to register at")

LARGER = Both("大字", "Larger")
TONGUE_ZH = Both("中文", "中文")
TONGUE_EN = Both("English", "English")
TOOLS = Both("屏幕选项", "Options of this screen")
SOUND_BLOCKED = Both("声音未开启，请轻触屏幕", "Touch the screen for sound")
HELP_OPEN = Both("求助", "Call staff")
HELP_AGAIN = Both("再按一次呼叫", "Press again to call")
HELP_CALLING = Both("正在通知值班人员…", "Telling the staff…")
HELP_TOLD = Both("{at} 已通知值班人员", "The staff were told at {at}")
HELP_TOLD_UNTIMED = Both("已通知值班人员", "The staff have been told")
HELP_PHONE = Both(
    "现在无法通知值班人员，请致电 {phone}", "The staff cannot be told from here now: call {phone}"
)
HELP_NO_PHONE = Both(
    "现在无法通知值班人员，请到有人的门岗", "The staff cannot be told from here now: go to a staffed gate"
)
RING = Both("请致电 {phone}", "Call {phone}")
SHUT_SOON = Both("请关门，警报即将响起", "Please shut the door: the alarm is about to sound")
SHUT_NOW = Both("警报：请关门", "Alarm: please shut the door")

# What a screen says beside its sentences when something does not work.
BESIDE: Mapping[str, Both] = MappingProxyType(
    {
        "no_connection": NO_CONNECTION,
        "no_such_door": NO_SUCH_DOOR,
        "pin_short": PIN_SHORT,
        "pin_busy": PIN_BUSY,
        "sound_blocked": SOUND_BLOCKED,
        "blocked, out_of_order, not_in_service, near_zh": GO_NEAR,
        "no_connection, near_zh": LOST_NEAR,
        "help_not_told": HELP_PHONE,
        "help_not_told, no help_phone": HELP_NO_PHONE,
        "no_connection, help_phone": RING,
        "door.prealarm": SHUT_SOON,
        "door.held, door.forced": SHUT_NOW,
    }
)


def sentence_of(view: DoorView) -> Sentence:
    sentence = SENTENCES[view.screen]
    if view.screen in CLOSED and view.door.near_zh:
        return Sentence(sentence.title, _near(GO_NEAR, view))
    return Sentence(sentence.title.at(view.until), sentence.hint.at(view.until))


def banners_of(view: DoorView) -> tuple[Both, ...]:
    """What this door does not check, said plainly for as long as it is so."""
    said = (
        (view.dry_run, DRY_RUN),
        (view.liveness_off, LIVENESS_OFF),
        (view.engine_simulated, ENGINE_SIMULATED),
    )
    return tuple(banner for holds, banner in said if holds)


def alarm_text(view: DoorView) -> Both | None:
    """What a deaf person reads instead of the beeping."""
    return {Show.PREALARM: SHUT_SOON, Show.ALARM: SHUT_NOW}.get(view.alarm)


def help_text(view: DoorView) -> Both | None:
    """What became of the call for help; None while nobody called."""
    match view.help_state:
        case HelpState.NONE:
            return None
        case HelpState.CALLING:
            return HELP_CALLING
        case HelpState.TOLD:
            return HELP_TOLD.put("at", view.help_at) if view.help_at else HELP_TOLD_UNTIMED
        case HelpState.NOT_TOLD:
            phone = view.fittings.help_phone
            return HELP_PHONE.put("phone", phone) if phone else HELP_NO_PHONE


def lost_text(view: DoorView) -> Both:
    """What stands here when the node is away; the number was printed while it was not."""
    phone = view.fittings.help_phone
    ring, near = RING.put("phone", phone), _near(LOST_NEAR, view)
    lost = NO_CONNECTION
    if view.door.near_zh:
        lost = Both(f"{lost.zh}，{near.zh}", f"{lost.en}, {near.en}")
    return Both(f"{lost.zh}。{ring.zh}", f"{lost.en}. {ring.en}") if phone else lost


def _near(both: Both, view: DoorView) -> Both:
    """With the name of the entrance next to this one in the place for it, each in its language."""
    return Both(both.zh.replace("{near}", view.door.near_zh), both.en.replace("{near}", view.door.near_en))
