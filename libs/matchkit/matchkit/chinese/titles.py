"""Words that stand beside a name without being part of it: forms of address, posts, departments, non-names."""

from matchkit.chinese.endings import beginning_with, ending_with
from matchkit.chinese.script import words

TITLES = frozenset(
    words(
        "先生 女士 小姐 太太 夫人 同志 同学 总经理 副总经理 副总裁 总裁 副总 总监 总助 经理 "
        "副经理 客户经理 项目经理 "
        "产品经理 大堂经理 店长 主任 副主任 主管 主席 董事长 董事 老板 老板娘 老总 老师 教授 "
        "博士 医生 大夫 护士 律师 法务 "
        "会计 出纳 师傅 秘书 助理 书记 司机 部长 副部长 局长 处长 科长 厂长 院长 校长 所长 "
        "站长 行长 队长 场长 社长 组长 班长 "
        "馆长 园长 镇长 村长 市长 县长 区长 会长 秘书长 工程师 高级工程师 设计师 采购 销售 "
        "财务 行政 人事 客服 前台 负责人 "
        "联系人 收货人 本人 哥哥 姐姐 大哥 大姐 阿姨 叔叔 兄弟 老大"
    )
)
"""Titles of several characters, taken off the end of a name wherever a name remains."""

TITLES_BY_END = ending_with(TITLES)
"""The longest title of a name's is the one taken off."""

SHORT_TITLES = frozenset("总工董哥姐局处厂院校队所老叔姨嫂")
"""Titles of one character; taken off when only a surname remains before them (`张工`, but not `王建工`)."""

ROLES_BY_START = beginning_with(
    words(
        "销售 销售部 业务 业务员 采购 采购部 采购员 客服 财务 财务部 会计 出纳 行政 人事 "
        "人力 仓库 仓管 司机 前台 技术 技术部 "
        "研发 工程 工程部 工程师 市场 市场部 运营 商务 售后 售前 项目 设计 物流 生产 质检 "
        "法务 经理 总经理 老板 店长 主管 主任 "
        "联系人 收货人 负责人 客户 导购 代理 渠道 快递 师傅 律师 医生 顾问"
    )
)
"""Posts and departments that are typed before a name (`销售张`), by their first two characters."""

FAMILIAR = frozenset("老小大阿")
"""Characters before a surname among people who know each other (`老张`)."""

NOBODY = frozenset(
    words(
        "匿名 匿名用户 未知 无 暂无 没有 不详 不知道 测试 test 先生 女士 客户 用户 微信用户 抖音用户 "
        "游客 访客 admin null none "
        "n/a na nil undefined unknown anonymous 同上 姓名 名字 联系人 空 本人 老板 前台 公司"
    )
)
"""What forms hold in place of a name."""

UNIT_ENDINGS = tuple(
    words(
        "公司 集团 部门 部 处室 中心 小组 分店 工厂 办公室 办事处 车间 事业部 工作室 商行 超市 学校 "
        "医院"
    )
)
"""Endings of departments and firms, which name no person."""

LATIN_TITLES = frozenset(
    words(
        "mr mrs ms miss mister sir madam mme dr prof professor manager director ceo cto cfo coo "
        "president chairman boss "
        "sales engineer purchasing buyer accountant assistant secretary teacher lawyer"
    )
)
"""Titles beside a romanised name, folded."""
