"""Sentences about data files and their records."""

from __future__ import annotations

RECORDS: dict[str, str] = {
    # the file as a whole
    "is empty": "为空",
    "not gzip data": "不是 gzip 数据",
    "rename it if it is not compressed": "若文件并未压缩，请改名",
    "it is a pipe or a device": "它是管道或设备",
    "write its content to a file first": "请先把内容写入文件",
    "the gzip data end too early": "gzip 数据不完整",
    "the file is incomplete: download or copy it again": "文件不完整：请重新下载或复制",
    "bytes that are not gzip data stand after the end of the gzip data": "gzip 数据结束之后还有不是 gzip 的内容",
    "the file is damaged, or something was appended to it: download or pack it again":
        "文件已损坏，或末尾被追加了内容：请重新下载或压缩",
    "cannot be unpacked into {folder}: {reason}": "无法解压到 {folder}：{reason}",
    "is a Git LFS pointer, not the data it stands for": "是 Git LFS 指针文件，而不是数据本身",
    "is a web page or XML, not data": "是网页或 XML，而不是数据",
    "download the data file itself, not the page that shows it": "请下载数据文件本身，而不是展示它的网页",
    "is an Office file": "是 Office 文件",
    "open it and save the table as CSV UTF-8": "请打开它，将表格另存为 CSV UTF-8",
    "is encrypted Parquet": "是加密的 Parquet 文件",
    "write it without encryption": "请以不加密的方式写出",
    "holds {name} data, which are not unpacked here": "是 {name} 压缩或打包文件，此处不会解开",
    "unpack it and name what is inside: {command}": "请先解开，再指定其中的文件：{command}",
    "is called Parquet, but holds something else": "扩展名是 Parquet，内容却不是",
    "the file is damaged or incomplete: download or write it again": "文件损坏或不完整：请重新下载或写出",
    "is not a text file": "不是文本文件",
    # encodings
    "is not {encoding}; it looks like {likely}": "不是 {encoding} 编码；看起来是 {likely}",
    "set data.encoding: {likely}, or convert it: {command}": "设置 data.encoding: {likely}，或转换编码：{command}",
    "leave data.encoding out: files are read as UTF-8 without it": "请去掉 data.encoding：默认按 UTF-8 读取",
    "ends in the middle of a character, as where a file is cut off": "结尾是不完整的字符，文件可能被截断",
    "holds bytes of another encoding": "含有其他编码的字节",
    # JSON
    "the row that starts here is longer than {n} characters": "从此处开始的一行超过 {n} 个字符",
    "write every row on a line of its own": "请让每条数据各占一行",
    "the key {key!r} stands twice in the row": "键 {key!r} 在该行出现两次",
    "is not JSON: {reason}": "不是 JSON：{reason}",
    "is not JSON: {reason} (character {n})": "不是 JSON：{reason}（第 {n} 个字符）",
    "is not JSON: {reason} (line {line}); nothing after it could be read":
        "不是 JSON：{reason}（第 {line} 行）；其后的内容无法读取",
    "nested too deeply": "嵌套过深",
    "line ends are CR alone; convert them": "换行符只有 CR；请转换换行符",
    "a comma stands after the row": "该行数据之后有一个逗号",
    "more text after the row": "该行数据之后还有其他文本",
    "a comma before the end of the array": "数组末尾多了一个逗号",
    "a comma is missing after the row before; nothing after it could be read":
        "前一条数据之后缺少逗号；其后的内容无法读取",
    "more text stands after the end of the array; it was not read": "数组结束之后还有其他文本，未被读取",
    "the array does not end with ]": "数组没有以 ] 结尾",
    "{name} is not a JSON number": "{name} 不是 JSON 数字",
    "holds a number of {n} digits": "含有 {n} 位的数字",
    "lists and objects stand more than {n} deep in each other": "列表和对象的嵌套超过 {n} 层",
    # tables
    "the header holds bytes of another encoding": "表头含有其他编码的字节",
    "column {number} of the header has no name": "表头第 {number} 列没有名称",
    "two columns are called {name!r}": "有两列同名：{name!r}",
    "give every column a name of its own in the first row": "请在第一行为每列写上互不相同的名称",
    "is not CSV: {reason}": "不是 CSV：{reason}",
    "is not CSV: {reason}; rows in lines {first} to {last} are lost": "不是 CSV：{reason}；第 {first} 至 {last} 行的数据丢失",
    "a CR stands outside of quotes": "引号之外有单独的 CR 字符",
    "the quote that opens in line {line} is not closed": "第 {line} 行开始的引号没有闭合",
    "the quote that opens in line {line} is not closed; nothing after it could be read: rows in lines {first} to {last}":
        "第 {line} 行开始的引号没有闭合；其后的内容无法读取：第 {first} 至 {last} 行的数据",
    "name the encoding of the file in data.encoding": "请在 data.encoding 中写明文件的编码",
    "write the file with LF or CR LF at the end of each line": "请让文件每行以 LF 或 CR LF 结尾",
    "put cells that hold quotes into quotes, with each quote in them doubled":
        "含引号的单元格请整体加引号，其中的每个引号写两遍",
    "the row has {n} cells, the header has {expected}": "该行有 {n} 个单元格，表头有 {expected} 个",
    "the row in lines {first} to {last} has {n} cells, the header has {expected}; is a quote missing?":
        "第 {first} 至 {last} 行的数据有 {n} 个单元格，表头有 {expected} 个；是否缺少引号？",
    "repeats the header; were several files joined?": "与表头相同；是否由多个文件拼接而成？",
    "holds a NUL character": "含有 NUL 字符",
    "{name} holds bytes of another encoding": "{name} 含有其他编码的字节",
    "{name} holds a value that cannot be read: {reason}": "{name} 含有无法读取的值：{reason}",
}  # fmt: skip

RECORDS_LITERAL: tuple[str, ...] = ("git lfs pull",)
