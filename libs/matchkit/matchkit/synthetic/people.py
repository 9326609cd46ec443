"""Made-up people: names by how common Chinese names are, mobiles, mail and chat accounts, identity numbers.

No number belongs to anyone on purpose: mobiles are drawn at random from the mainland's whole range, because a range
that is never issued would be too small for a hundred thousand people.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stdnum.cn import ric

from matchkit.chinese.script import words
from matchkit.chinese.surnames import COMPOUND_SURNAMES, surname_readings
from matchkit.chinese.syllables import romanised
from matchkit.synthetic.choices import Choices, falling

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class Person:
    """One person, with everything by which a system may know them."""

    surname: str
    given: str
    male: bool
    mobile: str
    second_mobile: str
    mailbox: str
    resident_id: str
    wechat: str
    openid: str
    unionid: str

    @property
    def romanised_surname(self) -> str:
        """The surname in pinyin."""
        return surname_readings(self.surname)[0]

    @property
    def romanised_given(self) -> str:
        """The given name in pinyin, in one word."""
        return romanised(self.given)

    def renamed(self, given: str) -> Person:
        """The same person under a given name that somebody got wrong."""
        return replace(self, given=given)


def a_person(random: Random) -> Person:
    """Someone new."""
    surname = SURNAMES.draw(random)
    male = random.random() < 0.62
    given = _given(random, male=male)
    return Person(
        surname=surname,
        given=given,
        male=male,
        mobile=a_mobile(random),
        second_mobile=a_mobile(random),
        mailbox=_mailbox(random, surname, given),
        resident_id=_resident_id(random, male=male),
        wechat=_wechat(random, surname, given),
        openid=f"o{_token(random, 27)}",
        unionid=f"oU{_token(random, 26)}",
    )


def with_mobile_of(person: Person, other: Person) -> Person:
    """A person who gives another's mobile as their own: a spouse, a partner in a small firm."""
    return replace(person, mobile=other.mobile)


def a_mobile(random: Random) -> str:
    """Eleven digits of the shape of a mainland mobile."""
    return f"{MOBILE_PREFIXES.draw(random)}{random.randrange(10**8):08d}"


def _given(random: Random, *, male: bool) -> str:
    characters = MALE if male else FEMALE
    if random.random() < 0.2:
        return characters.draw(random)
    first = (MIDDLE if random.random() < 0.4 else characters).draw(random)
    return first + characters.draw(random)


def _mailbox(random: Random, surname: str, given: str) -> str:
    """What stands before the at sign of a work address, in the four habits of firms."""
    family, own = surname_readings(surname)[0], romanised(given)
    style = random.randrange(4)
    if style == 0:
        return f"{own}.{family}"
    if style == 1:
        return f"{family}{own}"
    return f"{family}.{own}" if style == 2 else f"{family}{own}{random.randrange(1, 99)}"


def _wechat(random: Random, surname: str, given: str) -> str:
    if random.random() < 0.4:
        return f"wxid_{_token(random, 14).lower()}"
    return f"{surname_readings(surname)[0]}{romanised(given)}{random.randrange(10**5)}"


def _resident_id(random: Random, *, male: bool) -> str:
    region = random.choice(REGIONS)
    born = (
        f"{random.randrange(1958, 2004)}{random.randrange(1, 13):02d}{random.randrange(1, 29):02d}"
    )
    serial = random.randrange(500) * 2 + (1 if male else 0)
    body = f"{region}{born}{serial:03d}"
    return body + str(ric.calc_check_digit(f"{body}0"))


def _token(random: Random, size: int) -> str:
    return "".join(random.choices(LETTERS, k=size))


LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789"
REGIONS = (
    "110105",
    "310104",
    "440305",
    "330106",
    "320102",
    "510104",
    "420106",
    "610103",
    "370202",
    "350203",
)
MOBILE_PREFIXES = falling(
    words(
        "138 139 137 136 135 158 159 188 187 186 185 150 151 152 189 180 181 177 176 178 182 183 133 "
        "153 130 131 132 155 156 134 157 147 145 173 175 166 198 199 191 184 149 171 170 172 195 193 192"
    ),
    exponent=0.4,
)
_SURNAME_SHARES = (
    "王72李72张68刘54陈45杨31黄22赵20吴20周19徐15孙14马13朱13胡12郭11何11林11高10罗10郑9梁8谢8宋7唐7许7邓6韩6冯6曹6"
    "彭5曾5肖5田5董5潘5袁5蔡5蒋5余4于4杜4叶4程4魏4苏4吕4丁4任4卢4姚3沈3钟3姜3崔3谭3陆3范3汪3廖3石3金3韦3贾3夏3付3"
    "方3邹3熊3白2孟2秦2邱2侯2江2尹2薛2闫2段2雷2龙2黎2史2陶2贺2毛2郝2顾2龚2邵2万2覃2武2钱2戴2严2莫1孔1向1常1汤1"
    "康1易1乔1赖1文1施1洪1辛1柯1温1芦1俞1安1梅1章1管1纪1尚1齐1耿1牛1庞1聂1庄1焦1殷1左1霍1鲁1樊1葛1祁1詹1裴1翟1"
    "毕1关1卜1申1甘1单1包1柳1娄1祝1岳1涂1柴1冉1阎1路1骆1吉1宁1阮1鲍1宫1傅1喻1成1游1车1舒1房1解1瞿1盛1童1凌1谷1"
    "季1艾1伍1盘1蒙1隋1冷1曲1查1仇1区1缪1卓1乐1"
)


def _surnames() -> Choices[str]:
    """Surnames by their rounded share of the population in tenths of a per cent; compound ones share 0.3 %."""
    shares: list[tuple[str, float]] = []
    for each in _SURNAME_SHARES:
        if each.isdigit():
            surname, share = shares[-1]
            shares[-1] = (surname, share * 10 + int(each))
        else:
            shares.append((each, 0.0))
    common = sorted(each for each in COMPOUND_SURNAMES if len(each) == 2)
    return Choices([*shares, *((each, 3 / len(common)) for each in common)])


SURNAMES = _surnames()
MALE = falling(
    "伟强磊军洋勇杰涛超明刚平辉鹏华飞鑫波斌宇浩凯健俊帆帅旭宁龙林阳建东峰亮成博文志海江鸿源昊天翔栋坤永庆"
    "彬哲轩睿毅锋胜利国新民生荣贵福兵雷震炜恒卓然达康泽晨维信良松柏柱根义仁礼智勤俭谦诚实恩光远中正安邦"
)
FEMALE = falling(
    "芳娜敏静丽艳娟霞秀燕玲桂英红梅萍莉云洁兰婷雪琳慧颖倩琴莹佳欣怡悦璐瑶瑾瑜薇蕾菲萌妍嫣娇媛雯晶晓莲"
    "荷菊蓉蓓茜凤珍珠玉环翠香春秋冬夏月星露霜冰清水波涵冉可爱心思念如意美好凡语诗画琪珊彤梦"
)
MIDDLE = falling(
    "建国志文晓小玉海春永明秀金俊佳子雨思嘉一浩梓宇欣诗泽天正家世德兴宝长立学振树光启承"
)
