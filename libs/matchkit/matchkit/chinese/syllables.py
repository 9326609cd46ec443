"""Mandarin syllables without tones: reading characters, cutting romanised words, folding spellings of u-umlaut.

`lü`, `lv`, `lyu` and `lu` all fold to `lu`, `nü` and its kin to `nu`: documents and people mix them freely.
"""

import unicodedata
from functools import cache, lru_cache

from matchkit.chinese.script import words

SYLLABLES_MAX = 4
"""Most syllables that a given name may have; a longer word is not read as pinyin."""

SYLLABLES = frozenset(
    words(
        """
    a ai an ang ao ba bai ban bang bao bei ben beng bi bian biao bie bin bing bo bu ca cai can cang cao ce cen ceng
    cha chai chan chang chao che chen cheng chi chong chou chu chuai chuan chuang chui chun chuo ci cong cou cu cuan
    cui cun cuo da dai dan dang dao de deng di dian diao die ding diu dong dou du duan dui dun duo e en er fa fan fang
    fei fen feng fo fou fu ga gai gan gang gao ge gei gen geng gong gou gu gua guai guan guang gui gun guo ha hai han
    hang hao he hei hen heng hong hou hu hua huai huan huang hui hun huo ji jia jian jiang jiao jie jin jing jiong jiu
    ju juan jue jun ka kai kan kang kao ke ken keng kong kou ku kua kuai kuan kuang kui kun kuo la lai lan lang lao le
    lei leng li lia lian liang liao lie lin ling liu lo long lou lu luan lue lun luo ma mai man mang mao me mei men
    meng mi mian miao mie min ming miu mo mou mu na nai nan nang nao ne nei nen neng ni nian niang niao nie nin ning
    niu nong nu nuan nue nuo o ou pa pai pan pang pao pei pen peng pi pian piao pie pin ping po pou pu qi qia qian
    qiang qiao qie qin qing qiong qiu qu quan que qun ran rang rao re ren reng ri rong rou ru ruan rui run ruo sa sai
    san sang sao se sen seng sha shai shan shang shao she shen sheng shi shou shu shua shuai shuan shuang shui shun
    shuo si song sou su suan sui sun suo ta tai tan tang tao te teng ti tian tiao tie ting tong tou tu tuan tui tun
    tuo wa wai wan wang wei wen weng wo wu xi xia xian xiang xiao xie xin xing xiong xiu xu xuan xue xun ya yan yang
    yao ye yi yin ying yo yong you yu yuan yue yun za zai zan zang zao ze zei zen zeng zha zhai zhan zhang zhao zhe
    zhen zheng zhi zhong zhou zhu zhua zhuai zhuan zhuang zhui zhun zhuo zi zong zou zu zuan zui zun zuo
    """
    )
)


def romanised(text: str) -> str:
    """The toneless syllables of Chinese characters, joined; a character without a reading stays as it is."""
    return "".join(map(_syllable, text))


def fold_latin(word: str) -> str:
    """A lower-case Latin word without tone marks, apostrophes and hyphens, u-umlaut folded as the module says."""
    if not word.isascii():
        decomposed = unicodedata.normalize("NFD", word)
        word = "".join(each for each in decomposed if not unicodedata.combining(each))
    word = word.replace("'", "").replace("-", "")
    if "v" in word or "yu" in word:
        word = word.replace("lyu", "lu").replace("lv", "lu").replace("nv", "nu")
        # Within a word `nyu` is the end of one syllable and the next: tian-yu.
        word = f"nu{word[3:]}" if word.startswith("nyu") else word
    return word


@lru_cache(maxsize=8192)
def is_pinyin(word: str) -> bool:
    """Whether a folded word can be cut into one to `SYLLABLES_MAX` syllables."""
    return _cuts(word, SYLLABLES_MAX)


def _cuts(word: str, syllables: int) -> bool:
    if not word or not syllables:
        return False
    return word in SYLLABLES or any(
        word[:size] in SYLLABLES and _cuts(word[size:], syllables - 1)
        for size in range(min(6, len(word) - 1), 0, -1)
    )


class _Readings(dict[str, str]):
    """Character to its commonest syllable, asked of pypinyin's dictionary the first time it is met."""

    def __missing__(self, character: str) -> str:
        self[character] = syllable = _read(character)
        return syllable


def _read(character: str) -> str:
    marked = _dictionary().get(ord(character), "").split(",")[0]
    return fold_latin(marked) if marked else character


@cache
def _dictionary() -> dict[int, str]:
    """Readings in pypinyin's dictionary by code point; importing it costs 0.2 s, so it waits until a text needs it."""
    from pypinyin.constants import PINYIN_DICT

    return dict(PINYIN_DICT)


_syllable = _Readings().__getitem__
