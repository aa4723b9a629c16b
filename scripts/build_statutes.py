"""Texts of statutes in, src/loralab/evaluate/citation/statutes.json out: names, last articles, dates, sources; no texts.

python scripts/build_statutes.py FOLDER [--out FILE] [--source WORDS]

FOLDER holds laws.json (name, short_names, version_date, last_article of each law) and statutes.jsonl (law,
article, article_sub of each article). Both must agree. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

OUT = Path(__file__).parents[1] / "src" / "loralab" / "evaluate" / "citation" / "statutes.json"
STATE = "中华人民共和国"
SOURCE = "github.com/LawRefBook/Laws, commit 2f4c5c23716267af9dbebbbbd6cbbf732b101981 (2025-04-19)"
REPEALED_SOURCE = "repealed on 2021-01-01 by art. 1260 of the Civil Code; last article of the last version, from general knowledge"
NAME_SOURCE = "the name alone, from general knowledge; articles not counted"

REPEALED = {
    "婚姻法": (51, ()), "继承法": (37, ()), "民法通则": (156, ()), "收养法": (34, ()), "担保法": (96, ()),
    "合同法": (428, ()), "物权法": (247, ()), "侵权责任法": (92, ("侵权法",)), "民法总则": (206, ("民总",)),
}  # fmt: skip
MORE_NAMES = {
    "反家庭暴力法": ("反家暴法",), "招标投标法": ("招投标法",), "环境保护法": ("环保法",), "食品安全法": ("食安法",),
    "未成年人保护法": ("未成年保护法",), "妇女权益保障法": ("妇女权益保护法",), "人口与计划生育法": ("计划生育法", "计生法"),
    "反电信网络诈骗法": ("反电诈法",), "土地管理法": ("土管法",), "治安管理处罚法": ("治安法", "治安管理法"),
    "道路交通安全法": ("交通安全法",), "劳动争议调解仲裁法": ("调解仲裁法",), "消费者权益保护法": ("消保法",),
    "老年人权益保障法": ("老年人保障法", "老年人权益保护法"), "企业所得税法": ("企税法",), "农村土地承包法": ("土地承包法",),
    "行政复议法": ("复议法",), "个人信息保护法": ("个人信息法",), "反不正当竞争法": ("不正当竞争法",),
    "公务员法": ("国家公务员法",),
}  # fmt: skip
NAMED = {
    "香港特别行政区基本法": ["香港基本法"],
    "澳门特别行政区基本法": ["澳门基本法"],
    "中国人民银行法": ["人民银行法"],
}
NAMES = """
全国人民代表大会组织法 国务院组织法 监察官法 香港特别行政区基本法 澳门特别行政区基本法 民族区域自治法 国旗法 国徽法 国歌法
城市居民委员会组织法 集会游行示威法 戒严法 国家安全法 反分裂国家法 反间谍法 国家情报法 保守国家秘密法 密码法 反外国制裁法 对外关系法 国防法 兵役法
国防动员法 国防教育法 人民防空法 军事设施保护法 现役军官法 预备役人员法 人民武装警察法 退役军人保障法 军人地位和权益保障法 海警法 陆地国界法
领海及毗连区法 专属经济区和大陆架法 引渡法 国际刑事司法协助法 外国国家豁免法 缔结条约程序法 外交特权与豁免条例 领事特权与豁免条例 英雄烈士保护法
国家勋章和国家荣誉称号法 枪支管理法 护照法 各级人民代表大会常务委员会监督法 全国人民代表大会和地方各级人民代表大会代表法 审计法
预算法 统计法 海关法 关税法 烟草专卖法 车辆购置税法 车船税法 船舶吨税法 耕地占用税法 环境保护税法 资源税法 契税法 印花税法 城市维护建设税法
烟叶税法 中国人民银行法 期货和衍生品法 资产评估法 注册会计师法 全民所有制工业企业法 乡镇企业法 中小企业促进法 民营经济促进法 农民专业合作社法 农村集体经济组织法
乡村振兴促进法 农业法 农业技术推广法 农业机械化促进法 农产品质量安全法 粮食安全保障法 种子法 畜牧法 动物防疫法 进出境动植物检疫法
进出口商品检验法 国境卫生检疫法 对外贸易法 出口管制法 海南自由贸易港法 台湾同胞投资保护法 归侨侨眷权益保护法 拍卖法 标准化法 计量法 特种设备安全法
港口法 航道法 公路法 铁路法 民用航空法 邮政法 电力法 煤炭法 能源法 节约能源法 可再生能源法 循环经济促进法 清洁生产促进法 石油天然气管道保护法
海上交通安全法 矿产资源法 矿山安全法 森林法 草原法 渔业法 水法 水土保持法 水污染防治法 大气污染防治法 土壤污染防治法 噪声污染防治法
固体废物污染环境防治法 放射性污染防治法 海洋环境保护法 环境影响评价法 防沙治沙法 防洪法 防震减灾法 气象法 海岛保护法 海域使用管理法
深海海底区域资源勘探开发法 核安全法 生物安全法 野生动物保护法 长江保护法 黄河保护法 黑土地保护法 湿地保护法 青藏高原生态保护法 测绘法
档案法 文物保护法 非物质文化遗产法 公共文化服务保障法 公共图书馆法 电影产业促进法 国家通用语言文字法 爱国主义教育法 法治宣传教育法 高等教育法
职业教育法 民办教育促进法 家庭教育促进法 学前教育法 学位法 学位条例 科学技术进步法 科学技术普及法 促进科技成果转化法 体育法 母婴保健法
传染病防治法 精神卫生法 献血法 疫苗管理法 中医药法 基本医疗卫生与健康促进法 红十字会法 慈善法 公益事业捐赠法 境外非政府组织境内活动管理法 无障碍环境建设法
人民警察警衔条例 海关关衔条例 行政监察法 执业医师法 中外合资经营企业法 中外合作经营企业法 外资企业法 全国人民代表大会议事规则
城市规划法 经济合同法 技术合同法 涉外经济合同法 治安管理处罚条例 外商投资企业和外国企业所得税法 公民出境入境管理法 外国人入境出境管理法
"""


def statutes_table(folder: Path, source: str = SOURCE) -> dict[str, Any]:
    """The table of a folder's laws, the nine repealed laws and more names. Raises ValueError where both files differ."""
    laws = json.loads((folder / "laws.json").read_text("utf-8"))
    articles, subs = _articles(folder / "statutes.jsonl")
    rows = [_law(law, articles[law["name"]], subs[law["name"]]) for law in laws]
    known = {row["name"].removeprefix(STATE) for row in rows}
    rows += [_row(n, list(short), last, "2021-01-01", "repealed") for n, (last, short) in REPEALED.items()]
    rows += [_row(name, NAMED.get(name, []), None, None, "name") for name in sorted({*NAMES.split()} - known)]
    return {
        "note": "National laws of the PRC: what an article's number may be. An older or newer version may end elsewhere.",
        "sources": {"counted": source, "repealed": REPEALED_SOURCE, "name": NAME_SOURCE},
        "sha256": {name: _sha256(folder / name) for name in ("laws.json", "statutes.jsonl")},
        "laws": rows,
    }


def _articles(path: Path) -> tuple[dict[str, int], dict[str, list[list[int]]]]:
    last: dict[str, int] = defaultdict(int)
    subs: dict[str, list[list[int]]] = defaultdict(list)
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        last[row["law"]] = max(last[row["law"]], row["article"])
        if row["article_sub"]:
            subs[row["law"]].append([row["article"], row["article_sub"]])
    return last, subs


def _law(law: dict[str, Any], last: int, subs: list[list[int]]) -> dict[str, Any]:
    if (law["last_article"], law["sub_articles"]) != (last, len(subs)):
        raise ValueError(f"{law['name']}: laws.json and statutes.jsonl count different articles")
    key = law["name"].removeprefix(STATE)
    short = dict.fromkeys([*law["short_names"], *MORE_NAMES.get(key, ())])
    return _row(key, [n for n in short if n != key], last, law["version_date"], "counted", subs)


def _row(
    key: str,
    short: list[str],
    last: int | None,
    date: str | None,
    source: str,
    subs: list[list[int]] | None = None,
) -> dict[str, Any]:
    return {
        "name": STATE + key, "short_names": short, "last_article": last, "sub_articles": subs or [],
        "version_date": date, "source": source,
    }  # fmt: skip


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def to_text(table: dict[str, Any]) -> str:
    """The table as JSON, one law a line."""
    head = {name: value for name, value in table.items() if name != "laws"}
    rows = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in table["laws"])
    return json.dumps(head, ensure_ascii=False, indent=1)[:-2] + f',\n "laws": [\n{rows}\n ]\n}}\n'


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--source", default=SOURCE, help="where the texts come from, in words")
    given = parser.parse_args()
    try:
        table = statutes_table(given.folder, given.source)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    given.out.write_text(to_text(table), "utf-8")


if __name__ == "__main__":
    main()
