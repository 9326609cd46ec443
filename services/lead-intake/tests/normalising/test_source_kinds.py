"""By which kind of source a lead came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.normalising.source_kinds import SOURCE_KINDS, read_source_kind


@pytest.mark.parametrize(
    ("stated", "url", "referrer", "kind"),
    [
        ("", "https://e.com/?utm_source=baidu&utm_medium=cpc", "", "sem"),
        ("", "https://e.com/?bd_vid=abc", "https://www.zhihu.com/", "sem"),
        ("公众号", "", "", "official_account"),
        ("", "https://e.com/?utm_source=weixin", "", "official_account"),
        ("", "https://e.com/", "https://www.baidu.com/s?wd=x", "organic"),
        ("自然搜索", "", "", "organic"),
        ("", "", "https://www.xiaohongshu.com/explore", "social"),
        ("social", "", "", "social"),
        ("", "https://e.com/", "", "other"),
    ],
)
def test_the_source_kind_follows_what_is_stated_then_the_page(
    stated: str, url: str, referrer: str, kind: str
) -> None:
    assert read_source_kind(stated, url, referrer) == kind


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300))
def test_no_text_breaks_the_reading(stated: str, url: str, referrer: str) -> None:
    assert read_source_kind(stated, url, referrer) in SOURCE_KINDS
