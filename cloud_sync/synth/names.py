"""Names of nobody: common parts put together by chance (domain.md §18.6)."""

from bisect import bisect
from itertools import accumulate
from random import Random

from cloud_sync.synth.streams import weighted

SURNAMES = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林罗高郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛阎段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常"
COMPOUND = ("欧阳", "上官", "司徒", "诸葛", "司马", "皇甫", "尉迟", "公孙")
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀兰霞平刚桂英华玉萍红建国文辉力梅鑫波宁贵福生龙元全胜学祥才发武新利清飞彬富顺信子兴思晨宇轩涵梓浩欣怡雨佳诗琪"
RARE = "𠮷𡋾𣲘𤧬𨱏𪩘𫍯𬍛𬎆𬭎"  # outside the basic plane: what a careless program cuts in half
MINORITY_FIRST = ("阿卜杜热西提", "迪丽热巴", "买买提江", "古丽米热", "扎西多吉", "阿依古丽", "巴特尔")
MINORITY_LAST = ("阿卜杜拉", "迪力木拉提", "吐尔逊江", "艾合买提", "次仁旺姆", "麦麦提艾力", "苏来曼")
LATIN_FIRST = ("Anna", "Jean-Luc", "Siobhan", "Karl", "Maria", "Ngozi", "Olga", "Peter", "Yuki", "Zoe")
LATIN_LAST = ("Beispiel", "O'Sample", "Doe-Muster", "Exemplo", "Nobody", "van Voorbeeld", "Specimen", "Prov")
# What two hands make of one name: traditional writing, and sound without writing.
TRADITIONAL = str.maketrans(
    "张刘陈杨黄赵吴孙马罗郑谢许韩邓冯肖田谭陆贾龙伟丽华", "張劉陳楊黃趙吳孫馬羅鄭謝許韓鄧馮蕭田譚陸賈龍偉麗華"
)
PINYIN = {
    "王": "Wang", "李": "Li", "张": "Zhang", "刘": "Liu", "陈": "Chen", "杨": "Yang", "黄": "Huang", "赵": "Zhao",
    "周": "Zhou", "吴": "Wu", "徐": "Xu", "孙": "Sun", "马": "Ma", "朱": "Zhu", "胡": "Hu", "郭": "Guo",
}  # fmt: skip

_SUMS = tuple(
    accumulate(1 / (k + 4) for k in range(len(SURNAMES)))
)  # the first are far more common than the last
_KINDS = ("compound", "minority", "rare", "plain")
_SHARES = (3.0, 2.0, 1.0, 94.0)


def chinese_name(rng: Random) -> str:
    kind = _KINDS[weighted(rng, _SHARES)]
    if kind == "minority":
        return f"{rng.choice(MINORITY_FIRST)}·{rng.choice(MINORITY_LAST)}"
    surname = (
        rng.choice(COMPOUND) if kind == "compound" else SURNAMES[bisect(_SUMS, rng.random() * _SUMS[-1])]
    )
    given = "".join(rng.choice(GIVEN) for _ in range(1 if rng.random() < 0.25 else 2))
    return surname + given[:-1] + rng.choice(RARE) if kind == "rare" else surname + given


def latin_name(rng: Random) -> str:
    """First and last, last and first with a comma, or one single name."""
    first, last = rng.choice(LATIN_FIRST), rng.choice(LATIN_LAST)
    at = rng.random()
    if at < 0.1:
        return first
    return f"{last.upper()} {first}" if at < 0.35 else f"{first} {last}"


def other_writing(rng: Random, name: str) -> str:
    """The same person as somebody else typed it; always different from ``name``."""
    if not "一" <= name[0] <= "鿿" or "·" in name:
        return (
            name.replace("·", "") if "·" in name else name.upper() if name.upper() != name else name.title()
        )
    other = name.translate(TRADITIONAL)
    if other != name and rng.random() < 0.5:
        return other
    if name[0] in PINYIN and rng.random() < 0.7:
        return f"{PINYIN[name[0]]} {name[1:]}"
    swapped = name[:-1] + rng.choice(GIVEN)
    return swapped if swapped != name else f"{name} "[:-1] + "儿"
