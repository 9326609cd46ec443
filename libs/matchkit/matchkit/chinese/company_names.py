"""Reading a company's name: place, brand, trade, legal form and branch.

`深圳市腾讯计算机系统有限公司`, `腾讯` and `腾讯科技(深圳)有限公司` share the brand 腾讯.
A branch (`...深圳分公司`) is another unit of the same firm, so it is kept apart from the name.
"""

import re
from functools import lru_cache

from matchkit.chinese.endings import Table, ending, ending_with
from matchkit.chinese.places import (
    Place,
    begins_with_place,
    is_place,
    places_ending_like,
    romanised_place,
    take,
)
from matchkit.chinese.script import fold, has_han, words
from matchkit.chinese.syllables import fold_latin, romanised

BRAND_CHARACTERS_MIN = 2
"""A brand is never cut below this."""

BRANCH_CHARACTERS_MAX = 12
"""Longest place or number that names a branch."""


Company = tuple[str, str, str, str]
"""(name, brand, place, branch); every part but the name may be empty. The name is without place, legal form and
branch, the brand is the name without its trade. A plain tuple, which the garbage collector need not follow."""


@lru_cache(maxsize=65536)
def read(raw: str) -> Company | None:
    """The company in a text; None when nothing is left of it (`无`, `公司`, punctuation, digits)."""
    text = fold(raw)
    if text in _NOBODY:
        return None
    found = _read_han(text) if has_han(text) else _read_latin(text)
    brand = found[1]
    return (
        None
        if len(brand) < 2 or brand.isdecimal() or ending(brand, _LEGAL_FORMS) == len(brand)
        else found
    )


def _read_han(text: str) -> Company:
    bracket_place = ""
    if not text.isalnum():
        text, bracket_place = _take_brackets(text.replace(" ", ""))
        text = _PUNCTUATION.sub("", text)
    text, branch = _cut_branch(text)
    text = _without_legal_form(text)
    place, rest = _cut_place(text)
    text, tail_place = _cut_tail_place(rest)
    return text, _brand(text), place or bracket_place or tail_place, branch


def _take_brackets(text: str) -> tuple[str, str]:
    """The text without brackets; a place in one is returned, a branch in one stays, all else goes."""
    if _BRACKETED.search(text) is None:
        return text, ""
    place = ""
    for content in _BRACKETED.findall(text):
        found, rest = take(content)
        if found is not None and not rest.strip("市省区"):
            place = found.city or found.province
    return _BRACKETED.sub(
        lambda found: found[1] if found[1].endswith(_BRANCHES) else "", text
    ), place


def _cut_branch(text: str) -> tuple[str, str]:
    """What stands between the firm's legal form, or its brand, and the word for a branch."""
    for branch in _BRANCHES_BY_END.get(text[-2:], ()):
        if text.endswith(branch) and len(text) > len(branch) + BRAND_CHARACTERS_MIN:
            return _firm_and_branch(text[: -len(branch)], branch)
    return text, ""


def _firm_and_branch(text: str, branch: str) -> tuple[str, str]:
    for form in _FIRM_ENDINGS:
        firm, found, unit = text.rpartition(form)
        if found and len(unit) <= BRANCH_CHARACTERS_MAX:
            return firm + found, _branch_name(unit) or branch
    for size in range(min(len(text) - BRAND_CHARACTERS_MIN, BRANCH_CHARACTERS_MAX), 1, -1):
        if is_place(text[-size:]):
            return text[:-size], _branch_name(text[-size:])
    return text, branch


def _branch_name(unit: str) -> str:
    place, rest = take(unit)
    if place is None:
        return unit
    return rest.strip("市省区") or place.city or place.province


def _without_legal_form(text: str) -> str:
    return _without_endings(text, _LEGAL_FORMS)


def _without_endings(text: str, endings: Table, characters_min: int = BRAND_CHARACTERS_MIN) -> str:
    """The text without any of these endings (longest first), as long as so many characters remain."""
    while text[-2:] in endings:
        characters = ending(text, endings)
        if not characters or len(text) - characters < characters_min:
            break
        text = text[:-characters]
    return text


def _cut_place(text: str) -> tuple[str, str]:
    """The city or province in front, and the rest without the district that may follow it.

    A place with nothing but a trade after it is the brand (`北海电子商务`), and so is one by itself.
    """
    if not begins_with_place(text):
        return "", text
    place, rest, is_written_out = _take_places(text)
    if place is None or text.startswith(_NOT_PLACES) or (not is_written_out and _is_trade(rest)):
        return "", text
    district = _DISTRICT.match(rest)
    if district is not None and len(rest) - district.end() >= BRAND_CHARACTERS_MIN:
        rest = rest[district.end() :]
    if len(rest) < BRAND_CHARACTERS_MIN:
        return "", text
    return place.city or place.province, rest


def _is_trade(text: str) -> bool:
    """Whether a text is of words for a trade only; so is an empty one."""
    return not _without_endings(text, _TRADES, 0)


def _take_places(text: str) -> tuple[Place | None, str, bool]:
    """The place in front, the rest, and whether the place is written out as one (`深圳市`).

    Such a city may follow a province that it is not in: the head office's after its branch's.
    """
    place, rest, is_written_out = _take_place(text)
    if place is not None and not place.city:
        inner = _take_place(rest)
        if inner[2]:
            return inner
    return place, rest, is_written_out


def _take_place(text: str) -> tuple[Place | None, str, bool]:
    place, rest = take(text)
    rest = rest.removeprefix("市").removeprefix("省")
    return place, rest, place is not None and text[: -len(rest) or None].endswith(("市", "省"))


def _cut_tail_place(text: str) -> tuple[str, str]:
    for name in places_ending_like(text):
        if text.endswith(name) and len(text) - len(name) >= BRAND_CHARACTERS_MIN:
            place, _ = take(name)
            return text[: -len(name)], (place.city or place.province) if place else ""
    return text, ""


def _brand(name: str) -> str:
    """The name without the words for its trade at the end."""
    return _without_endings(name, _TRADES)


def _read_latin(text: str) -> Company:
    words = [fold_latin(each) for each in _WORD.findall(text)]
    kept = [each for each in words if each not in _LATIN_FORMS]
    places = [each for each in kept if romanised_place(each)]
    names = [each for each in kept if each not in places] or kept
    brands = [each for each in names if each not in _LATIN_TRADES] or names
    place = romanised_place(places[0]) if places and places != names else None
    city = (place.city or place.province) if place else ""
    return " ".join(names), " ".join(brands), city, ""


@lru_cache(maxsize=65536)
def sound(text: str) -> str:
    """The name in toneless pinyin or folded Latin letters, joined, by which two scripts meet."""
    return romanised(text).replace(" ", "")


_LEGAL_FORMS = ending_with(
    words(
        "股份有限公司 有限责任公司 有限公司 集团有限公司 集团股份有限公司 控股有限公司 总公司 "
        "公司 集团 股份 控股 有限 责任 "
        "有限合伙 普通合伙 合伙企业 个体工商户 个人独资企业 企业 总部 总店"
    )
)
_FIRM_ENDINGS = ("有限责任公司", "股份有限公司", "有限公司", "公司", "集团")
_BRANCHES = words(
    "分公司 子公司 分店 支公司 分行 支行 营业部 办事处 分部 门市部 分厂 分校 分院 事业部 "
    "经营部 服务部 专卖店"
)
_BRANCHES_BY_END = ending_with(_BRANCHES)
_TRADES = ending_with(
    words(
        "科技 技术 信息 网络 电子 电子商务 商务 商贸 贸易 进出口 国际贸易 国际 实业 工业 发展 "
        "投资 管理 咨询 服务 文化 传媒 广告 传播 "
        "教育 软件 系统 计算机 计算机系统 智能 自动化 机械 机电 设备 器材 材料 新材料 化工 医药 "
        "医疗 医疗器械 生物 食品 餐饮 酒店 服饰 服装 "
        "家具 家居 装饰 建筑 建材 建设 工程 设计 地产 房地产 置业 物业 物流 供应链 运输 货运 "
        "汽车 汽配 配件 能源 新能源 电力 电气 环保 节能 农业 "
        "生态 金属 五金 塑料 塑胶 橡胶 包装 印刷 纸业 纺织 制造 制品 产业 开发 数码 通信 通讯 "
        "光电 半导体 精密 仪器 模具 企业管理 企业 "
        "信息技术 网络科技 信息科技 旅游 旅行社 健康 金融 保险 劳务 人力资源 保安 清洁 安防 数据 "
        "互联 云计算 工贸 商行 经销"
    )
)
_NOBODY = frozenset(
    words("无 暂无 没有 个人 未知 不详 测试 test none null n/a na 自由职业 公司 个体 同上 待定")
)
_LATIN_FORMS = frozenset(
    words(
        "co ltd limited inc incorporated corp corporation llc llp plc company group holdings holding "
        "gmbh sa the of and "
        "china prc pte pty"
    )
)
_LATIN_TRADES = frozenset(
    words(
        "technology technologies tech trading trade international electronic electronics information "
        "network networks "
        "software system systems computer industrial industry industries development investment "
        "management consulting "
        "service services culture media education machinery equipment materials logistics import "
        "export medical bio "
        "engineering construction digital intelligent energy environmental"
    )
)
_NOT_PLACES = ("阿里巴巴", "海南岛", "吉林大学", "中山大学")
_BRACKETED = re.compile(
    r"[(\[{<\u3010\u300c\u300a]([^)\]}>\u3011\u300d\u300b]*)(?:[)\]}>\u3011\u300d\u300b]|$)"
)
_PUNCTUATION = re.compile(r"[^\w]|_")
_DISTRICT = re.compile("[\u4e00-\u9fff]{1,3}?(?:新区|区|县|镇|旗)")
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
