"""Reads names of persons: what is the name, how somebody is addressed, and what is no name at all.

Hidden decision: a form of address is never thrown away and never part of the name. 张总 is a surname and a title; the
given name is not known and not made up.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

TEXT_LENGTH_MAX = 80

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_BETWEEN_CHINESE = re.compile(r"(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")
_PLAIN = re.compile(r"[\u3400-\u9fff]+")  # what compatibility forms leave as it is
_AROUND = " \t\r\n,.;:!?。、·-_*#~\"'()[]<>《》【】"
_HONORIFICS = (
    "董事长|副总经理|总经理|销售经理|采购经理|项目经理|总监|经理|主管|主任|部长|科长|厂长|院长|校长|局长|处长|店长|站长"
    "|老板娘|老板|先生|女士|小姐|太太|同学|老师|教授|医生|大夫|律师|工程师|师傅|师父|会计|博士|书记|董事|总裁|阿姨"
)
_SHORT_HONORIFICS = "总工|[总董工姐哥叔导]"
_FORMS_OF_WORK = "销售|采购|客服|财务|行政|人事|技术|市场|老板|工程师|经理|总监|助理|前台|商务|运营"
_COMPOUND_SURNAMES = (
    "欧阳|上官|司马|诸葛|皇甫|尉迟|公孙|慕容|令狐|夏侯|东方|西门|南宫|司徒|端木|百里|呼延|独孤|长孙|宇文"
    "|轩辕|澹台"
)
_SURNAMES = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳酆鲍史唐"
    "费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒屈项祝董梁"
    "杜阮蓝闵席季麻强贾路娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯管卢莫房裘缪干解应宗丁宣邓郁单杭洪包左石崔吉龚程邢裴陆荣翁"
    "荀羊甄曲封储靳焦牧隗山谷车侯宓蓬全班仰秋仲伊宫宁仇栾暴甘厉戎祖武符刘景詹束龙叶幸司黎薄印宿白怀蒲邰从鄂索咸籍赖卓屠蒙池乔阴胥能苍双"
    "闻莘党翟谭贡劳逄姬申扶堵冉宰郦雍桑桂濮牛寿通边扈燕冀浦尚农温别庄晏柴瞿阎充慕连茹习宦艾鱼容向古易慎戈廖庾终暨居衡步都耿满弘匡国文寇"
    "广禄阙东殴沃利蔚越夔隆师巩厍聂晁勾敖融冷訾辛阚那简饶空曾毋沙养鞠须丰关蒯相查后荆红游竺权盖益桓公肖闫付岳代兰涂覃仝佟"
)
_SURNAME = rf"(?:{_COMPOUND_SURNAMES}|[{_SURNAMES}])"
_ADDRESSED = re.compile(rf"(?P<name>{_SURNAME}[\u3400-\u9fff]{{0,2}}?)(?P<honorific>{_HONORIFICS})")
# A sign alone may end a given name (张建工), so that it is a title only behind a bare surname.
_ADDRESSED_SHORT = re.compile(rf"(?P<name>{_SURNAME})(?P<honorific>{_SHORT_HONORIFICS})")
_WORK_FIRST = re.compile(
    rf"(?P<honorific>{_FORMS_OF_WORK})[:\-\s]?(?P<name>{_SURNAME}[\u3400-\u9fff]{{0,2}})"
)
_FAMILIAR = re.compile(rf"(?P<honorific>[老小阿])(?P<name>[{_SURNAMES}])")
_LATIN_TITLE = re.compile(
    r"(?P<honorific>mrs?|ms|miss|dr|prof|sir|madam)\.?\s+(?P<name>\S.*)", re.IGNORECASE
)
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_JUNK = re.compile(
    r"测试\w*|\w*测试(?:数据|用户|账号)?|匿名\w*|未知|无名氏?|不知道|保密|无|没有|先生|女士|小姐|你好|您好|某某某?|某|姓名|联系人"
    r"|张三|李四|王二麻子|(?:用户|游客|访客|客户|微信用户|抖音用户|user)\w{0,20}"
    r"|test\w*|demo|admin|hello|hi|asdf\w*|qwe\w*|abc|null|none|undefined|nan|n/?a",
    re.IGNORECASE,
)
_REPEATED = re.compile(r"(.)\1+")
_LETTER = re.compile(r"[^\W\d_]")


class NameFault(StrEnum):
    """Why a text is probably no name; it is kept all the same."""

    NONE = "none"
    EMPTY = "empty"
    JUNK = "junk"
    NO_LETTERS = "no_letters"


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name as read.

    `name` is without a form of address, which stands in `honorific`. `is_surname_only` says that the given name is not
    known, as in 张总. A text with a fault keeps its words in `name`.
    """

    name: str = ""
    honorific: str = ""
    fault: NameFault = NameFault.EMPTY
    is_surname_only: bool = False

    def __repr__(self) -> str:
        return f"PersonName({self.fault})"


_NONE = PersonName()


def read_name(text: str) -> PersonName:
    """The name that a text is."""
    name = _tidied(text[:TEXT_LENGTH_MAX])
    if not name:
        return _NONE if not text.strip() else PersonName(fault=NameFault.NO_LETTERS)
    if fault := _fault(name):
        return PersonName(name, fault=fault)
    for pattern in (_ADDRESSED, _ADDRESSED_SHORT, _WORK_FIRST, _FAMILIAR, _LATIN_TITLE):
        if found := pattern.fullmatch(name):
            return _addressed(found["name"], found["honorific"])
    return PersonName(name, fault=NameFault.NONE)


def _addressed(name: str, honorific: str) -> PersonName:
    surname_length = 2 if name[:2] in _COMPOUND_SURNAMES.split("|") else 1
    is_surname_only = bool(_CHINESE.match(name)) and len(name) == surname_length
    return PersonName(name, honorific, NameFault.NONE, is_surname_only=is_surname_only)


def _tidied(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
        text = _BETWEEN_CHINESE.sub("", text)
    return " ".join(text.split())[:TEXT_LENGTH_MAX].strip(_AROUND)


def _fault(name: str) -> NameFault | None:
    if not _LETTER.search(name):
        return NameFault.NO_LETTERS
    is_repeated = len(name) > 1 and name.isascii() and _REPEATED.fullmatch(name)
    return NameFault.JUNK if is_repeated or _JUNK.fullmatch(name) else None
