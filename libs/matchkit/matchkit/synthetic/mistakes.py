"""Slips of hand and ear, and what is hidden on purpose."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from matchkit.chinese.syllables import romanised

if TYPE_CHECKING:
    from random import Random


def mistyped_digits(random: Random, digits: str) -> str:
    """A number with one digit wrong after the third, or two neighbours swapped (one time in four)."""
    place = random.randrange(3, len(digits) - 1)
    if random.random() < 0.25 and digits[place] != digits[place + 1]:
        return f"{digits[:place]}{digits[place + 1]}{digits[place]}{digits[place + 2 :]}"
    wrong = (int(digits[place]) + random.randrange(1, 10)) % 10
    return f"{digits[:place]}{wrong}{digits[place + 1 :]}"


def masked(random: Random, digits: str) -> str:
    """A mobile with its middle hidden, as channels hand it out."""
    return f"{digits[:3]}{random.choice(('****', '****', 'xxxx', '******'))}{digits[-4:]}"


def misheard(random: Random, given: str) -> str:
    """A given name with one character replaced by another of the same sound, when there is one."""
    place = random.randrange(len(given))
    others = [each for each in _by_sound().get(romanised(given[place]), "") if each != given[place]]
    return f"{given[:place]}{random.choice(others)}{given[place + 1 :]}" if others else given


def miswritten(random: Random, text: str, characters: str) -> str:
    """A text with one character replaced by any other of a list."""
    place = random.randrange(len(text))
    return f"{text[:place]}{random.choice(characters)}{text[place + 1 :]}"


def damaged_code(random: Random, code: str) -> str:
    """A code with its check broken."""
    place = random.randrange(8, len(code) - 1)
    wrong = (int(code[place]) + random.randrange(1, 10)) % 10
    return f"{code[:place]}{wrong}{code[place + 1 :]}"


@cache
def _by_sound() -> dict[str, str]:
    found: dict[str, str] = {}
    for character in NAME_CHARACTERS:
        sound = romanised(character)
        found[sound] = found.get(sound, "") + character
    return found


NAME_CHARACTERS = (
    "伟玮炜维威巍强磊蕾雷军君俊峻洋阳扬杨勇永咏杰洁捷涛韬超明铭鸣刚钢平萍苹辉晖慧惠鹏朋华桦骅飞菲斐鑫欣馨新"
    "波博勃斌彬宾滨宇雨羽玉瑜钰浩昊皓凯恺健建剑键帆凡帅旭绪宁凝龙隆林琳霖东冬栋峰锋枫风亮良梁成诚城程文雯"
    "志智致芝海江姜鸿宏洪红虹源元媛圆天田翔祥香坤昆庆清晴青静婧靖敬丽莉立力艳燕雁娟霞秀琇玲灵凌英瑛莹颖影"
    "梅美云芸兰岚婷庭雪学倩茜芹琴佳嘉家怡仪悦月越璐露路瑶遥薇微晓小筱莲连荷和菊蓉荣融珍真贞珠翠春秋夏心思斯"
)
