"""Names, places and numbers that households of ``import164k`` are made of; they belong to nobody (domain.md §18.6)."""

from datetime import date, timedelta
from random import Random

# Written down by hand, with how each is spelled: nothing here is asked of the program that is scored.
SURNAMES = dict(
    pair.split(":")
    for pair in [
        "王:wang",
        "李:li",
        "张:zhang",
        "刘:liu",
        "陈:chen",
        "杨:yang",
        "黄:huang",
        "赵:zhao",
        "吴:wu",
        "周:zhou",
        "徐:xu",
        "孙:sun",
        "马:ma",
        "朱:zhu",
        "胡:hu",
        "郭:guo",
        "何:he",
        "高:gao",
        "林:lin",
        "罗:luo",
        "郑:zheng",
        "梁:liang",
        "谢:xie",
        "宋:song",
        "唐:tang",
        "许:xu",
        "邓:deng",
        "冯:feng",
        "韩:han",
        "曹:cao",
        "彭:peng",
        "萧:xiao",
        "田:tian",
        "董:dong",
        "潘:pan",
        "袁:yuan",
        "蔡:cai",
        "蒋:jiang",
        "余:yu",
        "于:yu",
        "杜:du",
        "叶:ye",
        "程:cheng",
        "魏:wei",
        "苏:su",
        "吕:lyu",
        "丁:ding",
        "任:ren",
        "卢:lu",
        "姚:yao",
        "钟:zhong",
        "姜:jiang",
        "崔:cui",
        "谭:tan",
        "陆:lu",
        "范:fan",
        "汪:wang",
        "廖:liao",
        "石:shi",
        "金:jin",
        "贾:jia",
        "夏:xia",
        "付:fu",
        "方:fang",
        "邹:zou",
        "熊:xiong",
        "白:bai",
        "孟:meng",
        "秦:qin",
        "邱:qiu",
        "侯:hou",
        "江:jiang",
        "尹:yin",
        "薛:xue",
        "闫:yan",
        "段:duan",
        "雷:lei",
        "龙:long",
        "欧阳:ouyang",
        "司马:sima",
        "诸葛:zhuge",
        "上官:shangguan",
    ]
)
GIVEN = dict(
    pair.split(":")
    for pair in [
        "伟:wei",
        "芳:fang",
        "娜:na",
        "敏:min",
        "静:jing",
        "丽:li",
        "强:qiang",
        "磊:lei",
        "军:jun",
        "洋:yang",
        "勇:yong",
        "艳:yan",
        "杰:jie",
        "娟:juan",
        "涛:tao",
        "明:ming",
        "超:chao",
        "霞:xia",
        "平:ping",
        "刚:gang",
        "桂:gui",
        "英:ying",
        "华:hua",
        "玉:yu",
        "兰:lan",
        "红:hong",
        "国:guo",
        "建:jian",
        "文:wen",
        "春:chun",
        "秀:xiu",
        "珍:zhen",
        "晓:xiao",
        "小:xiao",
        "志:zhi",
        "海:hai",
        "峰:feng",
        "东:dong",
        "梅:mei",
        "林:lin",
        "俊:jun",
        "辉:hui",
        "宏:hong",
        "立:li",
        "鹏:peng",
        "飞:fei",
        "婷:ting",
        "雪:xue",
        "慧:hui",
        "颖:ying",
        "琳:lin",
        "欣:xin",
        "佳:jia",
        "怡:yi",
        "宇:yu",
        "浩:hao",
        "然:ran",
        "子:zi",
        "轩:xuan",
        "博:bo",
        "思:si",
        "雨:yu",
        "晨:chen",
        "云:yun",
        "凤:feng",
        "庆:qing",
        "贵:gui",
        "爱:ai",
        "德:de",
        "永:yong",
        "福:fu",
        "泽:ze",
        "义:yi",
        "松:song",
        "柏:bai",
    ]
)
TRADITIONAL = str.maketrans(
    "张刘陈杨黄赵吴孙马罗郑谢许邓冯韩萧蒋叶苏吕卢钟谭陆贾邹闫龙丽强军艳杰涛静伟华兰红国晓东鹏飞颖轩云凤庆贵爱泽义单号楼层栋",
    "張劉陳楊黃趙吳孫馬羅鄭謝許鄧馮韓蕭蔣葉蘇呂盧鐘譚陸賈鄒閆龍麗強軍豔傑濤靜偉華蘭紅國曉東鵬飛穎軒雲鳳慶貴愛澤義單號樓層棟",
)
MINORITY = (
    "阿依古丽·买买提",
    "古丽娜尔·吐尔逊",
    "艾尔肯·阿不都",
    "扎西·多吉",
    "热依汗·玉素甫",
    "帕提古丽·艾山",
)
LATIN = ("Anna Fischer", "Marco Rossi", "Jean-Luc Moreau", "Emily O'Neil", "Pedro Alvarez", "Ingrid Larsen")
NOBODY = ("", "空置", "无", "待核实")
WIDE = str.maketrans(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "０１２３４５６７８９ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ",
)

ESTATE = "东方新城"
DISTRICT = "成都市温江区柳城街道"
ELSEWHERE = ("西苑花园", "春江雅居", "南湖小区")
_DIGITS = "零一二三四五六七八九"
_FIRST_BIRTH, _DAYS = date(1930, 1, 1), 25_000
_REGIONS = 10_000
_CHECK_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def resident_id(n: int) -> str:
    """The ``n``-th resident id of region 00: no two are the same, and the province does not exist."""
    region, day = n % _REGIONS, n // _REGIONS * 1_009 % _DAYS
    birth = _FIRST_BIRTH + timedelta(days=day)
    digits = f"00{region:04d}{birth:%Y%m%d}000"
    total = sum(int(digit) * weight for digit, weight in zip(digits, _CHECK_WEIGHTS, strict=True))
    return digits + "10X98765432"[total % 11]


def broken_id(good: str, dice: Random) -> str:
    """One digit mistyped, or one lost."""
    if dice.random() < 0.5:
        return good[:-1]
    at = dice.randrange(6, 14)
    return good[:at] + str((int(good[at]) + dice.randint(1, 8)) % 10) + good[at + 1 :]


def phone(n: int) -> str:
    return f"+86 000 {n // 10_000 % 10_000:04d} {n % 10_000:04d}"


def chinese(number: int) -> str:
    """1 to 199 as people say it."""
    if number >= 100:
        rest = number - 100
        return "一百" + (
            ""
            if not rest
            else ("零" if rest < 10 else "")
            + (chinese(rest) if rest >= 20 or rest < 10 else "一" + chinese(rest))
        )
    tens, ones = divmod(number, 10)
    return ("" if not tens else ("" if tens == 1 else _DIGITS[tens]) + "十") + (
        _DIGITS[ones] if ones or not tens else ""
    )


def han_name(dice: Random) -> tuple[str, str]:
    """Family name and given name, of one or two characters."""
    family = dice.choice(tuple(SURNAMES))
    given = dice.choice(tuple(GIVEN)) + (dice.choice(tuple(GIVEN)) if dice.random() < 0.8 else "")
    return family, given


def spelled(family: str, given: str) -> tuple[str, str]:
    return SURNAMES[family], "".join(GIVEN[one] for one in given)


def other_name(family: str, given: str, dice: Random) -> str:
    """Somebody else: no character of theirs, nor a sound."""
    sounds = {SURNAMES.get(family, ""), *(GIVEN.get(one, "") for one in given)}
    while True:
        new_family, new_given = han_name(dice)
        new = {SURNAMES[new_family], *(GIVEN[one] for one in new_given)}
        if not new & sounds and len(new_given) == 2:
            return new_family + new_given
