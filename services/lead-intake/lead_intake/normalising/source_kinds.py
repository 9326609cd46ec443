"""Reads by which kind of source a lead came, for the source's weight (AS-01).

Hidden decision: what counts as what. Paid search is known by its medium or click id, the rest by what the campaign, the
form or the referring page says.
"""

from __future__ import annotations

import re
from functools import lru_cache

SEM = "sem"
OFFICIAL_ACCOUNT = "official_account"
ORGANIC = "organic"
SOCIAL = "social"
OTHER = "other"
SOURCE_KINDS = (SEM, OFFICIAL_ACCOUNT, ORGANIC, SOCIAL, OTHER)

_CAMPAIGN = re.compile(r"[?&](utm_source|utm_medium)=([^&#]{0,60})")
_CLICK_ID = re.compile(r"[?&](?:bd_vid|gclid|msclkid|qhclickid|sogouclickid)=[^&#]")
_REFERRER_HOST = re.compile(r"https?://([^/?#:]{1,100})")

_WORDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (SEM, re.compile(r"\b(?:sem|cpc|ppc|paid[_ -]?search)\b|竞价|付费搜索|搜索推广")),
    (
        OFFICIAL_ACCOUNT,
        re.compile(r"official_account|\bmp\b|weixin|wechat|gongzhonghao|公众号|微信"),
    ),
    (ORGANIC, re.compile(r"organic|\bseo\b|自然搜索")),
    (
        SOCIAL,
        re.compile(
            r"social|facebook|instagram|linkedin|tiktok|douyin|xiaohongshu|weibo|zhihu|bilibili|kuaishou"
            r"|抖音|小红书|微博|知乎|快手"
        ),
    ),
)
_SEARCH_ENGINES = re.compile(r"(?:^|\.)(?:baidu|google|bing|sogou|so|sm|yandex)\.")


def read_source_kind(stated: str, url: str, referrer: str) -> str:
    """The kind of source of a lead; what the form states goes before its page's campaign, then the referring page."""
    if stated and (kind := _kind_of_words(stated[:60].lower())) != OTHER:
        return kind
    if _CLICK_ID.search(url):
        return SEM
    campaign = dict(_CAMPAIGN.findall(url))
    words = f"{campaign.get('utm_medium', '')} {campaign.get('utm_source', '')}"
    if words != " " and (kind := _kind_of_words(words.lower())) != OTHER:
        return kind
    host = _REFERRER_HOST.match(referrer)
    return _kind_of_host(host[1].lower()) if host else OTHER


@lru_cache(maxsize=2048)
def _kind_of_words(words: str) -> str:
    return next((kind for kind, pattern in _WORDS if pattern.search(words)), OTHER)


@lru_cache(maxsize=2048)
def _kind_of_host(host: str) -> str:
    if _SEARCH_ENGINES.search(host):
        return ORGANIC
    return _kind_of_words(host)
