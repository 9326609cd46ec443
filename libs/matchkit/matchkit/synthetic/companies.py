"""Made-up companies: legal names, places, codes, telephones, and the branches that are units of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stdnum.cn import uscc

from matchkit.chinese.script import words
from matchkit.chinese.syllables import romanised
from matchkit.synthetic.choices import Choices, falling

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class Firm:
    """One registered unit: a company, or a branch of one; `city` is in its name."""

    province: str
    city: str
    district: str
    brand: str
    trade: str
    form: str
    branch: str
    located: str
    uscc: str
    switchboard: str
    domain: str
    street: str
    door: int
    trading_name: str

    @property
    def legal_name(self) -> str:
        """The name in the register."""
        return f"{self.city}市{self.brand}{self.trade}{self.form}{self.branch}"


def a_firm(random: Random) -> Firm:
    """A new company."""
    province, city, area_code, districts = random.choice(PLACES)
    brand = "".join(BRAND.draw(random) for _ in range(3 if random.random() < 0.35 else 2))
    return Firm(
        province=province,
        city=city,
        district=random.choice(districts),
        brand=brand,
        trade=TRADES.draw(random),
        form=FORMS.draw(random),
        branch="",
        located=city,
        uscc=_uscc(random),
        switchboard=_landline(random, area_code),
        domain=f"{romanised(brand)}{random.choice(('', '-tech', random.randrange(100)))}.example",
        street=random.choice(STREETS),
        door=random.randrange(1, 400),
        trading_name="".join(BRAND.draw(random) for _ in range(2)),
    )


def a_branch(random: Random, firm: Firm) -> Firm:
    """A branch of a company in another city, with a code and a telephone of its own."""
    province, city, area_code, districts = random.choice(PLACES)
    return Firm(
        province=province,
        city=firm.city,
        district=random.choice(districts),
        brand=firm.brand,
        trade=firm.trade,
        form=firm.form,
        branch=f"{city}分公司",
        located=city,
        uscc=_uscc(random),
        switchboard=_landline(random, area_code),
        domain=firm.domain,
        street=random.choice(STREETS),
        door=random.randrange(1, 400),
        trading_name=firm.trading_name,
    )


def _uscc(random: Random) -> str:
    body = f"91{random.choice(REGION_CODES)}{random.randrange(10**9):09d}"
    return body + str(uscc.calc_check_digit(body))


def _landline(random: Random, area_code: str) -> str:
    digits = 8 if len(area_code) == 3 or area_code in EIGHT_DIGIT_AREAS else 7
    return (
        f"{area_code}-{random.randrange(2, 9)}{random.randrange(10 ** (digits - 1)):0{digits - 1}d}"
    )


EIGHT_DIGIT_AREAS = frozenset(words("0755 0571 0512 0531 0532 0591 0574 0592 0757 0769"))
REGION_CODES = words(
    "440300 110105 310115 330100 320500 510100 420100 610100 370200 350200 440100 320100"
)
PLACES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("广东", "深圳", "0755", words("南山区 福田区 宝安区 龙岗区 罗湖区")),
    ("广东", "广州", "020", words("天河区 越秀区 白云区 番禺区")),
    ("广东", "东莞", "0769", words("南城区 长安镇 虎门镇")),
    ("广东", "佛山", "0757", words("禅城区 南海区 顺德区")),
    ("北京", "北京", "010", words("海淀区 朝阳区 西城区 丰台区 大兴区")),
    ("上海", "上海", "021", words("浦东新区 闵行区 徐汇区 松江区 嘉定区")),
    ("浙江", "杭州", "0571", words("西湖区 滨江区 余杭区 萧山区")),
    ("浙江", "宁波", "0574", words("鄞州区 海曙区 北仑区")),
    ("江苏", "苏州", "0512", words("吴中区 姑苏区 昆山市")),
    ("江苏", "南京", "025", words("江宁区 玄武区 鼓楼区")),
    ("四川", "成都", "028", words("武侯区 高新区 锦江区")),
    ("湖北", "武汉", "027", words("洪山区 武昌区 江汉区")),
    ("山东", "青岛", "0532", words("市南区 崂山区 黄岛区")),
    ("山东", "济南", "0531", words("历下区 市中区 历城区")),
    ("福建", "厦门", "0592", words("思明区 湖里区 集美区")),
    ("福建", "福州", "0591", words("鼓楼区 仓山区 马尾区")),
    ("陕西", "西安", "029", words("雁塔区 碑林区 未央区")),
    ("安徽", "合肥", "0551", words("蜀山区 包河区 庐阳区")),
    ("湖南", "长沙", "0731", words("岳麓区 芙蓉区 雨花区")),
    ("河南", "郑州", "0371", words("金水区 二七区 中原区")),
    ("重庆", "重庆", "023", words("渝北区 江北区 九龙坡区")),
    ("天津", "天津", "022", words("南开区 和平区 滨海新区")),
)
STREETS = words(
    "科技园南路 深南大道 人民路 解放路 中山路 建设路 创业路 高新一路 软件园路 工业大道 和平路 新华路 长江路 "
    "黄河路 迎宾路 文化路 学府路 滨河路 环城西路 金融街 中关村大街 望京东路 张江路 天河北路"
)
BRAND_CHARACTERS = (
    "华信达创新科宏远大恒通泰瑞丰盛源鑫隆昌兴安康宁博雅智慧云天海洋星辰光明东方南北中西金玉银龙凤鹏飞腾翔宇"
    "环球联合众诚诺亚美佳乐优品卓越领先精锐力强峰巨石岩松柏青蓝绿森林木水清泉江河湖山川原野禾田园农"
    "旺财富贵福禄寿喜庆祥和平顺利达思维凯欧迪奥特斯威尔德"
)
BRAND = falling(BRAND_CHARACTERS, exponent=0.35)
TRADES = falling(
    words(
        "科技 贸易 电子 信息技术 实业 商贸 机械 网络科技 进出口 电子商务 智能科技 建材 自动化设备 食品 物流 新材料 "
        "医疗器械 文化传媒 供应链管理 软件 环保科技 家具 服饰 包装 五金制品 生物科技 企业管理咨询 "
        "装饰工程 汽车配件 能源"
    ),
    exponent=0.5,
)
FORMS: Choices[str] = Choices(
    (("有限公司", 82.0), ("有限责任公司", 8.0), ("股份有限公司", 6.0), ("集团有限公司", 4.0))
)
