"""The words of a message to a guest or an operator, in both languages; no name and no room, for it may be read over a shoulder.

A subject says by itself what happened, for a short message has no more.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from cloud_sync.ports_guest import DueNotice, Notice

OPERATOR_PAGE = "/operator"
SHORT_MAX = 80


@dataclass(frozen=True, slots=True)
class Sender:
    """What the community says of itself: its zone, where its pages are, and whom to call."""

    zone: ZoneInfo
    pages: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class _Words:
    subject: str
    text: str


INVITATION = {
    "zh": _Words(
        "{community}：入住登记链接（{arrives}）",
        "您好！\n\n您预订了 {arrives} 至 {leaves} 在{community}的住宿。请在到达前用下面的链接登记，不到三分钟，不用安装应用：\n\n"
        "{link}\n\n登记后，同一页面上会显示开门的通行码和 PIN 码，没有网络也能用。是否使用人脸由您决定，不用没有任何影响。\n\n"
        "请不要转发这个链接：有它的人可以进门。",
    ),
    "en": _Words(
        "{community}: the link for your stay from {arrives}",
        "Hello,\n\nyou have booked a stay in {community} from {arrives} to {leaves}. Please register before you arrive, "
        "with the link below; it takes less than three minutes and needs no app:\n\n{link}\n\nThe same page then shows "
        "the code and the PIN that open your doors, also without a network. Face is your choice, and no costs you "
        "nothing.\n\nPlease do not pass the link on: whoever has it can come in.",
    ),
}
GUESTS = {
    "listing_suspended": {
        "zh": _Words(
            "{community}：您 {arrives} 预订的房源已停业整改，暂不得接待住客。{call}",
            "您好！\n\n您预订了 {arrives} 至 {leaves} 在{community}的住宿。该房源已停业整改，整改完成前不得接待新的住客。"
            "请联系您预订的商家改订或退订。{call}\n\n您之前收到的登记链接上会显示最新情况。",
        ),
        "en": _Words(
            "{community}: the place you booked from {arrives} is suspended and may not take new guests now. {call}",
            "Hello,\n\nyou have booked a stay in {community} from {arrives} to {leaves}. The place is suspended and may not "
            "take new guests until it has been put right. Please ask whoever you booked with for another place or your "
            "money back. {call}\n\nThe page of the link you were sent says how things stand.",
        ),
    },
    "listing_banned": {
        "zh": _Words(
            "{community}：您 {arrives} 起预订的房源已被取缔，不得再接待住客。{call}",
            "您好！\n\n您在{community} {arrives} 至 {leaves} 的房源已被取缔，不得再接待住客。如果您已入住，"
            "登记链接的页面上写明您的通行码可用到什么时候，请在此之前换住处；离开的门始终可以打开。{call}",
        ),
        "en": _Words(
            "{community}: the place of your stay from {arrives} is banned and may no longer take guests. {call}",
            "Hello,\n\nthe place of your stay in {community} from {arrives} to {leaves} is banned and may no longer take "
            "guests. If you are in the house, the page of the link you were sent says until when your code opens: please "
            "move before then. The way out always opens. {call}",
        ),
    },
}
OPERATORS = {
    "longer_asked": {
        "zh": _Words(
            "{community}：预订 {about} 的住客希望续住（{listing}）",
            "预订 {about}（房源 {listing}）的住客希望续住。请在该预订的页面上答复；答复之前离店日不变。\n\n{link}",
        ),
        "en": _Words(
            "{community}: the guests of booking {about} ask to stay longer ({listing})",
            "The guests of booking {about} of listing {listing} ask to stay longer. Please answer on the page of that "
            "booking; until you do the day of departure stays as it is.\n\n{link}",
        ),
    },
    "cancelled_inside": {
        "zh": _Words(
            "{community}：预订 {about} 已取消，但住客尚在屋内（{listing}）",
            "预订 {about}（房源 {listing}）已由订房渠道取消，但住客尚在屋内。其通行码现在只能出门；两小时内值班人员可放行一次取行李，"
            "不进房间。退房时间记为最后一次出门。\n\n{link}",
        ),
        "en": _Words(
            "{community}: booking {about} was cancelled while its guests are inside ({listing})",
            "Booking {about} of listing {listing} was cancelled by its source while its guests are inside. Their code lets "
            "out only; within two hours the staff may let them back once for luggage, to no room. The checkout is set on "
            "the last exit.\n\n{link}",
        ),
    },
    "listing_suspended": {
        "zh": _Words(
            "{community}：房源 {listing} 已停业整改",
            "房源 {listing} 已停业整改。原因：{reason}\n\n在住客人照常通行至离店日，不得续住；尚未到店的客人不得入住。"
            "请整改后申请复查；您可以在页面上申诉。{call}\n\n{link}",
        ),
        "en": _Words(
            "{community}: listing {listing} is suspended",
            "Listing {listing} is suspended. Why: {reason}\n\nGuests in the house keep their doors until the day they "
            "leave, without an extension; nobody new may come in. Put it right and ask for the recheck; you can appeal on "
            "the page. {call}\n\n{link}",
        ),
    },
    "listing_banned": {
        "zh": _Words(
            "{community}：房源 {listing} 已被取缔",
            "房源 {listing} 已被取缔。原因：{reason}\n\n在住客人最多一天内换住处，此后只能出门；门牌查询页显示无效。"
            "您可以在页面上申诉。{call}\n\n{link}",
        ),
        "en": _Words(
            "{community}: listing {listing} is banned",
            "Listing {listing} is banned. Why: {reason}\n\nGuests in the house have a day at most to move and then the way "
            "out only; the page behind the plate says not valid. You can appeal on the page. {call}\n\n{link}",
        ),
    },
}
CALL = {"zh": "咨询电话：{phone}。", "en": "Help: {phone}."}


SUSPICION = {
    "zh": _Words(
        "{community}：涉及未成年人的可疑情况",
        "{community}工作人员 {by} 于 {at} 报告：\n\n{reason}\n\n房间：{room}。事项编号：{case}。"
        "姓名和证件不在本信中，请依法向社区了解；监护人由社区联系。",
    ),
    "en": _Words(
        "{community}: a suspicion about somebody under age",
        "{by} of the staff of {community} reported at {at}:\n\n{reason}\n\nRoom: {room}. Case: {case}. "
        "Names and documents are not in this letter; ask the community for them as the law says. "
        "The community calls the guardian.",
    ),
}
MOMENTS = frozenset({"at"})  # places that are told as milliseconds
COMPLAINT = {
    "zh": _Words(
        "{community}：房源投诉",
        "{community}：您的房源 {listing} 收到一条投诉，请在系统中查看，并与社区联系。",
    ),
    "en": _Words(
        "{community}: a complaint",
        "{community}: somebody complained about your listing {listing}. Look it up, and speak with the community.",
    ),
}
CHILD_HOURS = {
    "zh": _Words(
        "{community}：门没有打开",
        "{community}：{at}，您设定了时段的通行证在时段之外刷门，门没有打开。工作人员可在门口协助。",
    ),
    "en": _Words(
        "{community}: a door did not open",
        "{community}: at {at} the pass whose hours you chose was shown outside of them, and the door did not open. "
        "The staff can be called at the door.",
    ),
}
BULLETIN = {
    "zh": _Words(
        "{community}通知：{short}",
        "{community}通知：\n\n{words}\n\n您的登记链接页面上也有此通知，到期自动撤下。{call}",
    ),
    "en": _Words(
        "{community}, a notice: {short}",
        "A notice of {community}:\n\n{words}\n\nIt also stands on the page of your link while it holds. {call}",
    ),
}
TOPICS = {
    **GUESTS,
    "invitation": INVITATION,
    "suspicion": SUSPICION,
    "complaint": COMPLAINT,
    "child_hours": CHILD_HOURS,
    "bulletin": BULLETIN,
}


def written(due: DueNotice, sender: Sender, at_ms: int) -> Notice:
    """The message for one due notice."""
    language = "zh" if due.language == "zh" else "en"
    words = _words_of(due)[language]
    link = f"{sender.pages}{OPERATOR_PAGE}" if due.operator else due.link
    places = {
        "community": due.community_zh if language == "zh" else due.community_en,
        "arrives": _when(due.planned_in_ms, sender.zone),
        "leaves": _when(due.planned_out_ms, sender.zone),
        "link": link,
        "listing": due.listing,
        "about": due.about,
        "reason": due.reason,
        "short": _short(due.said.get("words", "")),
        "call": CALL[language].format(phone=sender.phone) if sender.phone else "",
        **{
            name: _when(int(said), sender.zone) if name in MOMENTS else said
            for name, said in due.said.items()
        },
    }
    return Notice(
        id=due.id,
        to=due.to,
        subject=words.subject.format(**places).strip(),
        text=words.text.format(**places).strip(),
        link=link,
        language=due.language,
        synthetic=due.synthetic,
        at_ms=at_ms,
    )


def _short(words: str) -> str:
    """On one line, for a subject has no more; the whole stands in the message and on the page."""
    line = " ".join(words.split())
    return line if len(line) <= SHORT_MAX else f"{line[: SHORT_MAX - 1]}…"


def _words_of(due: DueNotice) -> dict[str, _Words]:
    if due.operator:
        return OPERATORS[due.topic]
    return TOPICS[due.topic]


def _when(at_ms: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, zone):%Y-%m-%d %H:%M}"
