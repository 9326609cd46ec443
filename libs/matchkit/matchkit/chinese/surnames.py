"""Chinese surnames: which exist, how they are read, how they are spelt outside Mandarin pinyin.

A dictionary of characters misreads surnames (it reads 单 as dan, 曾 as ceng, 仇 as chou), so those that differ
have a reading of their own here. Where people really use two readings, both are given, the commoner first.
"""

from functools import cache, lru_cache

from matchkit.chinese.script import words
from matchkit.chinese.syllables import fold_latin, romanised

_COMMON = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许邓韩冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟"
    "姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤康易乔赖文"
    "施洪辛柯温芦俞安梅章管纪尚齐耿牛庞聂庄焦殷左霍鲁樊葛祁詹裴翟毕关卜翁申甘项单包欧柳娄祝岳符涂柴冉阎苗路骆吉"
    "宁阮鲍宫傅喻成游辜车舒房解瞿盛童路凌谷季艾伍盘蒙隋冷古曲臧粟佟景盖闵边查凤蔺卓丛凡修窦柏栾迟连屈牟腾佘鄢晏卫"
    "蓝麦虞应封时宗全桂习敖滕刁初井原储巩苑茅党储郎池戚幸商桑占简甄匡鞠沙褚楼邢倪郁衣仲靳车池仝饶华辛阳代娜伏冀"
    "苟和虎花荆荀嵇竺缪亓麻米苍练缑弓宿淳巫储计危宣强祖卞齐湛汲邴明臧米贝明狄宓蓬班仰秋伊仇栾暴钭厉戎束昌晁勾敖"
    "融訾辛阚那简饶空曾毋沙乜养须丰巢蒯相游竺权逯益桓公仉督晋楚闫法汝鄢涂岳帅亢况后有琴商牟墨哈谯笪年爱阳佟言福区"
    "冼朴尉秘员贠种逄谌隗郄眭洗莘隽朗平禹狄伏乐皮卞尧汲茹亚智鹿战庾晓税矫揭撒随苟廉蹇呼延门首元卫敬冒郜郏郇占邸揣"
)
"""Single-character surnames, the hundred commonest first."""

_COMPOUND = (
    "欧阳 司马 上官 诸葛 司徒 司空 夏侯 皇甫 尉迟 公孙 慕容 令狐 宇文 长孙 轩辕 东方 南宫 "
    "西门 端木 独孤 呼延 闻人 "
    "申屠 太史 澹台 公冶 宗政 濮阳 淳于 单于 万俟 赫连 钟离 鲜于 闾丘 司寇 亓官 东郭 百里 "
    "第五 谷梁 拓跋 公羊 梁丘 "
    "左丘 东门 南门 纳兰 完颜 耶律 富察 爱新觉罗 叶赫那拉"
)

_READINGS = (
    "单:shan 曾:zeng 翟:zhai,di 查:zha 仇:qiu 解:xie 区:ou 任:ren 朴:piao,pu 盖:ge,gai "
    "冼:xian 洗:xian 乐:yue,le "
    "员:yun 贠:yun 缪:miao 宁:ning 折:she 黑:he 种:chong 重:chong 逄:pang 谌:chen,shen "
    "覃:qin,tan 繁:po 纪:ji 柏:bai "
    "薄:bo 卜:bu 车:che 都:du 费:fei,bi 句:gou 谷:gu 过:guo 华:hua 桓:huan 阚:kan 隗:wei,kui "
    "郄:qie,xi 牟:mou,mu "
    "那:na 粘:nian 瞿:qu 撒:sa 召:shao 佘:she 沈:shen 莘:shen,xin 眭:sui 宿:su 韦:wei "
    "相:xiang 幸:xing 燕:yan 应:ying "
    "尉:wei,yu 臧:zang 笪:da 祭:zhai 仉:zhang 訾:zi 隽:juan 曲:qu 褚:chu 秘:bi 钭:tou 乜:nie "
    "郇:xun,huan 葛:ge 石:shi "
    "尹:yin 俞:yu 郁:yu 尤:you 盛:sheng 强:qiang 贾:jia 贲:ben 哈:ha 教:jiao 晟:sheng 洼:wa "
    "荀:xun 行:xing 郗:xi,chi "
    "曹:cao 覃塘:qintang 朱:zhu 吕:lu 吴:wu 艾:ai 闫:yan 亓:qi 缑:gou 厉:li 会:gui 适:kuo "
    "角:jue 长:chang 降:xiang "
    "校:jiao 弗:fei 娄:lou 逯:lu 蹇:jian 靳:jin 殷:yin 邸:di 宓:mi,fu 阿:a 琴:qin 储:chu "
    "占:zhan 令:ling 仝:tong "
    "尉迟:yuchi 万俟:moqi 澹台:tantai 令狐:linghu 长孙:zhangsun 单于:chanyu 鲜于:xianyu "
    "皇甫:huangfu 夏侯:xiahou "
    "呼延:huyan 第五:diwu 亓官:qiguan 百里:baili 公冶:gongye 宗政:zongzheng 濮阳:puyang "
    "谷梁:guliang 拓跋:tuoba"
)

_FOREIGN = (
    "cheung:zhang tsang:zeng wong:wang,huang chan:chen lee:li cheng:zheng,cheng chow:zhou "
    "chau:zhou,zou leung:liang "
    "lau:liu lam:lin ng:wu,huang ho:he kwok:guo tang:deng,tang hui:xu tse:xie yeung:yang "
    "tsui:xu,cui fung:feng,fong "
    "fong:fang lui:lu,lei luk:lu kwan:guan mak:mai ip:ye yip:ye so:su szeto:situ "
    "auyeung:ouyang auyong:ouyang "
    "auyang:ouyang au:ou yuen:yuan,ruan chiu:zhao chu:zhu,chu tam:tan lo:luo,lu law:luo "
    "lai:li,lai kong:jiang,kong "
    "kung:gong,kong poon:pan pun:pan choi:cai tsoi:cai chung:zhong kwong:kuang "
    "hung:hong,xiong siu:xiao shum:cen,shen "
    "sum:cen sham:cen mok:mo to:du,tao tong:tang,dong yu:yu,rao yiu:yao wan:yin,wen,wan "
    "wu:hu,wu kan:jian,kan "
    "chang:zhang,chang chen:chen tsai:cai hsu:xu hsieh:xie hsiao:xiao chao:zhao chou:zhou "
    "chiang:jiang tseng:zeng "
    "teng:deng ts'ai:cai chien:jian,qian kuo:guo liao:liao yeh:ye lü:lu hsia:xia "
    "hsiung:xiong hsueh:xue shih:shi "
    "chiu:qiu,zhao chin:qin,jin,qian ting:ding tu:du sung:song tsao:cao p'eng:peng jen:ren "
    "juan:ruan shen:shen "
    "szu:si ssu:si ouyang:ouyang teo:zhang tan:chen,tan lim:lin goh:wu gan:yan,gan "
    "ong:wang,weng koh:gao,xu "
    "tay:zheng chua:cai yeo:yang sim:shen low:liu,lu,luo toh:du,tao quek:guo heng:wang "
    "ang:hong,weng phua:pan "
    "yap:ye chong:zhang,zhong,zhuang foo:fu,hu liew:liu loh:luo,lu"
)
"""Cantonese, Wade-Giles and Min spellings of surnames and the pinyin that they may stand for."""


def _pairs(table: str) -> dict[str, tuple[str, ...]]:
    split = (each.split(":") for each in table.split())
    return {key: tuple(values.split(",")) for key, values in split}


COMPOUND_SURNAMES = frozenset(_COMPOUND.split())
"""Surnames of two and more characters."""

SINGLE_SURNAMES = frozenset(_COMMON)
"""Surnames of one character that are met in practice; a character outside may still be one."""

FOREIGN_SPELLINGS = {fold_latin(spelling): values for spelling, values in _pairs(_FOREIGN).items()}
"""Folded non-pinyin spelling to pinyin surnames."""

_OWN_READINGS = _pairs(_READINGS)


def surname_length(name: str) -> int:
    """How many leading characters of a Chinese name are its surname: 0 when empty, 1 unless a compound one fits."""
    if len(name) > 1 and name[:2] in COMPOUND_SURNAMES:
        return 2
    if len(name) > 3 and name[:4] in COMPOUND_SURNAMES:
        return 4
    return 1 if name else 0


@lru_cache(maxsize=4096)
def surname_readings(surname: str) -> tuple[str, ...]:
    """The toneless pinyin of a Chinese surname, commonest reading first; never empty."""
    return _OWN_READINGS.get(surname) or (romanised(surname),)


def romanised_surnames(word: str) -> tuple[str, ...]:
    """The pinyin surnames that a folded Latin word may stand for; empty when it is no known surname."""
    own = (word,) if word in pinyin_surnames() else ()
    return own + tuple(each for each in FOREIGN_SPELLINGS.get(word, ()) if each != word)


@cache
def pinyin_surnames() -> frozenset[str]:
    """Every reading of every known surname, folded."""
    known = (*_OWN_READINGS, *SINGLE_SURNAMES, *COMPOUND_SURNAMES)
    return frozenset(reading for surname in known for reading in surname_readings(surname))


def readings_of_commonest(count: int) -> frozenset[str]:
    """The pinyin of the commonest surnames: five cover 30 % of all people, fifty cover 70 %."""
    return frozenset(_COMMONEST_READINGS[:count])


_COMMONEST_READINGS = words(
    "wang li zhang liu chen yang huang zhao wu zhou xu sun ma zhu hu guo he lin gao luo zheng liang xie song tang deng "
    "han feng cao peng zeng xiao tian dong pan yuan cai jiang yu du ye cheng wei su lu ding ren yao shen cui"
)
