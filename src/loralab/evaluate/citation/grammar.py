"""The patterns by which citations are written; every one reads text as `plain` returns it."""

from __future__ import annotations

import re

from loralab.evaluate.citation.numerals import CHARACTERS, LONGEST

NUMBER = rf"[{CHARACTERS}]{{1,{LONGEST}}}"
BLANK = r"XxNn×✕✖╳_?某□△▲■●☆"
AND = r"\s*(?:、|,|/|以及|或者|和|及|与|或|并)\s*"
TO = r"\s*(?:至|到|[-–—―~〜]{1,2})\s*"
SEPARATOR = rf"(?:{AND}|{TO})"
# 条 that is not the beginning of another word: 三条建议, 第五条款, 第二条件
ARTICLE_END = r"条(?!件|例(?!外|如)|款(?!第)|约(?!定)|路(?!径)|道路|建议|意见|理由|途径|线索|信息|记录|消息|短信|评论|原则(?!上)|船|裤)"
# 之一 that is not the beginning of another word: 第十条之一般规定, 之二分之一
SUB = rf"\s*之\s*({NUMBER})(?![般切定些种系类个致旦直样起边方分款项])"
PART = rf"(?:第\s*\(?{NUMBER}\)?|\({NUMBER}\))\s*(?:款|项|目)"
PARTS = rf"((?:\s*(?:的|{SEPARATOR})?\s*{PART})*)"
MORE_SUBS = rf"((?:{SEPARATOR}之\s*{NUMBER}(?![般切定些种系类个致旦直样起边方分款项]))*)"
ITEM = rf"{NUMBER}(?:\s*之\s*{NUMBER})?"
_TAIL = rf"\s*{ARTICLE_END}(?:{SUB}{MORE_SUBS})?{PARTS}"

# groups: the numbers before 条, 之N behind it, more 之N, paragraphs and items
ARTICLE = re.compile(rf"第\s*第?[\[(【]?\s*({ITEM}(?:{SEPARATOR}(?:第\s*)?{ITEM}){{0,60}})\s*[\])】]?{_TAIL}")
BARE_ARTICLE = re.compile(rf"({ITEM}(?:{SEPARATOR}(?:第\s*)?{ITEM}){{0,60}}){_TAIL}")
ONE = re.compile(rf"({SEPARATOR})?(第\s*)?({NUMBER})(?:\s*之\s*({NUMBER}))?")
ONE_SUB = re.compile(rf"之\s*({NUMBER})")
ONE_PART = re.compile(rf"({NUMBER})\)?\s*(款|项|目)")
AFTER_ARTICLE = re.compile(SEPARATOR)
AFTER_LAW = re.compile(r"[\s\"'”’」』》)\]]{0,4}")
PLACEHOLDER = re.compile(
    rf"第\s*[(\[【《]?\s*(?:[{CHARACTERS}]*(?:[{BLANK}]|\.\.+)[{CHARACTERS}{BLANK}.]*)?\s*[)\]】》]?\s*{ARTICLE_END}"
)

TITLE = re.compile(r"《((?:[^《》\n]|《[^《》\n]{1,80}》){1,120})》")
ABOUT = re.compile(
    r"关于[^《》。;,\n]{0,16}(?:适用|执行|实施|施行|审理|办理|修改|理解)[^《》。;,\n]{0,6}《[^《》\n]{1,60}》[^《》。;,\n第]{0,30}?"
    rf"(?:解释|规定|意见|批复|决定|通知|办法|答复)(?:\({NUMBER}\))?"
)
LAW_END = re.compile(r"法典?")
EXTENSION = re.compile(
    rf"[总通]则|(?:[\u4e00-\u9fff]{{2,6}}编)?的?(?:司法)?解释(?:\({NUMBER}\)|[一二三四五六七八九](?!第?条))?|修正案(?:\({NUMBER}\))?|实施(?:条例|细则|办法)"
)
SENTENCE_END = re.compile(r"[。;!?\n]")

# What starts a token, so that all else is passed over quickly
START = re.compile(r"[第《法关]")

NOT_A_LAW = re.compile(
    r"(?:合同|协议|章程|契约|规约|合约|条款|保单|约定|判决|裁定|调解书|承诺|备忘录|规章制度|手册)书?(?:的|中|里|上|之)?"
    r"(?:约定|载明|规定|条款)?(?:的|中)?\s*$"
)
OF_LAW = re.compile(r"(?:关于|有关|对|中|的)[^,。;、:]*")  # 民法典关于租赁合同的第七百零三条
SAME_LAW = re.compile(
    r"(本|该|此|同|其|前述|上述|这部)(?:法|法律|法典|条例|规定|解释|办法|细则|规则|决定|章|节|编)(?:的|中)?\s*$"
)
CUES = re.compile(
    r"根据|依据|依照|按照|违反|适用|参照|援引|参见|结合|符合|以及|或者|并且|我国|中国|现行|和|及|与|或|按|依|据|由|即|对|在|从|是|为|如"
)
NAMED_LAW = re.compile(
    r"([\u4e00-\u9fffA-Za-z0-9]{2,40}(?:条例|细则|通则|宪章|公约|办法|规则|准则|法典|法|司法解释|(?:管理|暂行|若干|补充|特别)规定))"
    rf"(\({NUMBER}\))?(?:的|中)?\s*$"
)
ABOUT_LAW = re.compile(
    r"(关于[\u4e00-\u9fffA-Za-z0-9]{2,40}(?:规定|解释|决定|意见|批复|通知|纪要))"
    rf"(\({NUMBER}\))?(?:的|中)?\s*$"
)
NO_NAME = re.compile(
    r"(?:方|办|看|说|做|想|依|违|合|非|司|执|立|守|用|手|宪|刑|国|设|无|该|本|新|旧|原|此|同|上述|前述|有关|相关)法$|^.?方法$"
)
FOREIGN = re.compile(
    r"(日本|德国|法国|美国|英国|韩国|意大利|瑞士|俄罗斯|苏联|奥地利|荷兰|西班牙|加拿大|澳大利亚|印度|新加坡|香港|澳门|台湾)(?:地区)?(?:的|现行)?$"
)

# A mention of a law without brackets counts as the law in question only where it is cited, not where a word
# begins or ends by chance as it does: 公司法人, 合同法律关系, 人民法院
NOT_BEHIND = re.compile(r"[律人定院庭官理学域制系益令治]|规(?!定)")
NOT_BEFORE = {"民法": "人公居农国市村牧渔移选", "消法": "取撤抵", "反法": "违", "刑法": "量用"}
CITED_BEFORE = re.compile(
    r"(?:根据|依据|依照|按照|违反|适用|参照|援引|法条:?|按|依|据)(?:我国|中国|现行|新|原)?(?:的)?[\"'“‘「『]?$"
)
CITED_BEHIND = re.compile(
    r"[\"'”’」』》]?\s*(?:\([^()]{1,30}\))?\s*(?:第|的?(?:相关|有关|具体|明确)?规定|[总分]则|[\u4e00-\u9fff]{2,6}编|中|明确|:|[0-9])"
)

QUOTE = re.compile(
    r"(?:的)?(?:之)?(?:明确|就|也|还|均)?(?:规定|指出|明确|内容|条文)?(?:了|如下|为|是)?\s*[:,]?\s*([\"“「『‘])"
)
CLOSERS = {'"': '"', "“": "”", "「": "」", "『": "』", "‘": "’"}
# What follows an article where its text stands: a colon, or the words of the text at once
STATED = re.compile(
    r"(?:的?(?:明确)?(?:规定|内容)(?:如下)?)?\s*:|\s+[\u4e00-\u9fff]|(?!规|的|之|和|及|与|或|以及|至|到|等|中|明|对|已|也|还|就|均)[\u4e00-\u9fff]"
)
