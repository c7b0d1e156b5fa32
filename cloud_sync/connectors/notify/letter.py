"""The words of a message, in both languages; a guest's has no name and no room, for it may be read over a shoulder."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from cloud_sync.ports_guest import DueNotice, Notice


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
TOPICS = {
    "invitation": INVITATION,
    "suspicion": SUSPICION,
    "complaint": COMPLAINT,
    "child_hours": CHILD_HOURS,
}


def written(due: DueNotice, zone: ZoneInfo, at_ms: int) -> Notice:
    """The message for one due notice."""
    words = TOPICS[due.topic]["zh" if due.language == "zh" else "en"]
    places = {
        **{name: _when(int(said), zone) if name in MOMENTS else said for name, said in due.said.items()},
        "community": due.community_zh if due.language == "zh" else due.community_en,
        "arrives": _when(due.planned_in_ms, zone),
        "leaves": _when(due.planned_out_ms, zone),
        "link": due.link,
    }
    return Notice(
        id=due.id,
        to=due.to,
        subject=words.subject.format(**places),
        text=words.text.format(**places),
        link=due.link,
        language=due.language,
        synthetic=due.synthetic,
        at_ms=at_ms,
    )


def _when(at_ms: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, zone):%Y-%m-%d %H:%M}"
