"""Chinese sentences about studies (`study/`, `loralab study`)."""

from __future__ import annotations

STUDY: dict[str, str] = {
    # the study file
    "must hold base: and axes: or cells:": "必须包含 base:，以及 axes: 或 cells:",
    "must be at least 2": "必须至少为 2",
    "has no axes: and no cells:, one of which says what differs between cells":
        "没有 axes: 也没有 cells:，必须有其一说明各单元的差别",
    "metric is written task/metric, such as heldout/loss": "metric 写作 任务/指标，例如 heldout/loss",
    "{metric} is good in neither direction: nothing can be judged by it": "{metric} 高低都不代表好坏，不能用来评判",
    "{metric} says the same as {loss}, which has differences row by row: use that":
        "{metric} 与 {loss} 说的是同一件事，而后者有逐行差值：请用后者",
    "evaluate.stages of the base has no {stage}, which a study compares":
        "基础配置的 evaluate.stages 中没有研究要比较的 {stage}",
    "a search draws from axes; cells would have no effect": "搜索从 axes 中抽取；cells 不会起作用",
    "halving sets {key} itself": "halving 会自行设置 {key}",
    "the cell {cell} is the same as another: {other}": "单元 {cell} 与另一个相同：{other}",
    "{key} cannot differ between cells: it says nothing about the model": "{key} 不能在单元间不同：它与模型无关",
    "set it in the base config": "请写在基础配置中",
    "{key} must be a list of values": "{key} 必须是值的列表",
    "{key} must be a list of values, or a range {{low: 1, high: 8}}": "{key} 必须是值的列表，或范围 {{low: 1, high: 8}}",
    "{key} must have low and high": "{key} 必须有 low 和 high",
    "{key}: low must be below high, and above 0 with log": "{key}：low 必须小于 high；有 log 时必须大于 0",
    "{key} must be a list of mappings such as {{lora.rank: 8}}": "{key} 必须是映射的列表，例如 {{lora.rank: 8}}",
    "{key} is set in axes and in cells; one of them would have no effect":
        "axes 和 cells 都设置了 {key}；其中之一不会起作用",
    "{key} changes what is asked: scores of the cells would not compare": "{key} 改变所问的内容：各单元的分数无法比较",
    "set it in the base config, or set unlike: mark to have the report marked":
        "请写在基础配置中，或设置 unlike: mark，使报告带有标记",
    "{key} differs between cells, and {other} is taken from its rows: each cell would be asked other questions":
        "各单元的 {key} 不同，而 {other} 取自这些行：每个单元会被问不同的问题",
    "set {other} in the base config to a file, or data.split to an earlier run":
        "请在基础配置中把 {other} 设为文件，或把 data.split 设为此前的运行",
    # the folder
    "is not the folder of a study: plan.json is missing or damaged": "不是研究文件夹：plan.json 缺失或损坏",
    "the base config is not the one this study began with; it differs in: {keys}":
        "基础配置与研究开始时不同，差别在：{keys}",
    "finished cells would not be comparable with new ones": "已完成的单元与新单元将无法比较",
    "undo the edit, or give the study another name:": "撤销修改，或用 name: 给研究另取名字",
    "another process runs this study": "另一个进程正在运行这项研究",
    # training
    "study {path}: {n} cells": "研究 {path}：{n} 个单元",
    "{n} draws repeated a cell and were drawn again": "{n} 次抽取与已有单元重复，已重新抽取",
    "begins": "开始",
    "goes on": "继续",
    "{cell} {what}; log: {path}": "{cell} {what}；日志：{path}",
    "{cell} is being trained by another process: waiting for it": "{cell} 正由另一个进程训练：等待其结束",
    "{cell} is finished": "{cell} 已完成",
    "{cell} failed; the other cells go on: {reason}": "{cell} 失败；其余单元继续：{reason}",
    "{cell} was broken off ({how}); the same command goes on with it": "{cell} 被中断（{how}）；再次运行同一命令即可继续",
    "{cell} is written by a process on {host}; if that machine is gone for good, delete {path} and run the same command again":
        "{cell} 正由 {host} 上的进程写入；如果那台机器永远不再可用，请删除 {path}，再运行同一命令",
    "the machine {host} is gone and has written nothing for {seconds} s: its lock is no longer held":
        "机器 {host} 已不在，且 {seconds} 秒内没有写入任何内容：其锁不再有效",
    "the head of the cluster does not answer; if it is lost, Ray ends this command within a minute: start the head again, and then run the same command":
        "集群的主节点没有应答；如果它已丢失，Ray 会在一分钟内结束本命令：请重新启动主节点，再运行同一命令",
    "no machine of the cluster has {gpus} GPUs and {cpus} CPUs any more: cells wait for one that joins":
        "集群中已没有具备 {gpus} 个 GPU 和 {cpus} 个 CPU 的机器：单元等待新机器加入",
    "{cell} is submitted; log: {path}": "{cell} 已提交；日志：{path}",
    "{cell} has not ended yet; it is left to the engine": "{cell} 尚未结束；交由引擎处理",
    "no jobs can be submitted here: {reason}": "此处无法提交作业：{reason}",
    "run the command on a machine that has sbatch": "请在有 sbatch 的机器上运行该命令",
    "no Ray cluster can be reached: {reason}": "无法连接 Ray 集群：{reason}",
    "set RAY_ADDRESS to the head, and RAY_AUTH_MODE and the token as there; or unset RAY_ADDRESS for this machine alone":
        "请把 RAY_ADDRESS 设为主节点，RAY_AUTH_MODE 和令牌与其一致；或取消 RAY_ADDRESS，只用本机",
    "each cell asks for {gpus} GPUs and {cpus} CPUs, and no machine of the cluster has both; the most are {most_gpus} and {most_cpus}":
        "每个单元需要 {gpus} 个 GPU 和 {cpus} 个 CPU，集群中没有同时具备的机器；最多为 {most_gpus} 个和 {most_cpus} 个",
    "set cluster: {{gpus: 0, cpus: 1}} in the study, or start larger machines":
        "请在研究中设置 cluster: {{gpus: 0, cpus: 1}}，或启动更大的机器",
    "stopped; finished cells are kept, the cell in training goes on where it was":
        "已停止；已完成的单元保留，训练中的单元将从中断处继续",
    "is called with a study file, or with status or report and a folder":
        "需要一个研究文件，或 status、report 加文件夹",
    "--calibrate needs --dry-run": "--calibrate 需要与 --dry-run 一起使用",
    "open {path} in a browser": "用浏览器打开 {path}",
    "not compared: {reason}": "未比较：{reason}",
    # forecast
    "it cannot begin": "无法开始",
    "{cell} cannot begin: {reason}": "{cell} 无法开始：{reason}",
    "{cell} may not fit on this machine ({device})": "{cell} 在本机（{device}）上可能放不下",
    "GiB needed": "需要 GiB",
    "GiB free": "可用 GiB",
    "{left} of {all} cells are left to train": "{all} 个单元中还有 {left} 个待训练",
    "training steps of {n} of them: {time}; loading, answers and checkpoints come on top":
        "其中 {n} 个的训练步用时：{time}；加载、回答和检查点另计",
    "money for these steps: {money} {currency}": "这些训练步的费用：{money} {currency}",
    "no time is known for {n} of them: --calibrate loads the models and takes three steps":
        "其中 {n} 个的用时未知：--calibrate 会加载模型并训练三步",
    "only the rungs that are there by now are counted: which cells go on is not known before":
        "只计目前已有的各级：哪些单元会继续，事先无法知道",
    # results
    "{n} cells in the folder are no longer part of the study: {names}": "文件夹中有 {n} 个单元已不属于这项研究：{names}",
    "{n} finished cells have no score of {metric} and are left out: {names}":
        "{n} 个已完成的单元没有 {metric} 分数，未计入：{names}",
    "{recipe}: {n} of {all} seeds count; the others have not finished with a score":
        "{recipe}：{all} 个种子中计入 {n} 个；其余尚未完成并得到分数",
    "{path} was not the same file for {one} and for {two}: it was changed in between":
        "{one} 与 {two} 所用的 {path} 不是同一文件：其间被修改过",
    "set unlike: mark in the study to see them side by side, marked": "在研究中设置 unlike: mark，即可并列查看并带有标记",
    "{finished} of {all} cells finished, {failed} failed, {interrupted} interrupted, {running} running, {waiting} waiting":
        "{all} 个单元：{finished} 个完成，{failed} 个失败，{interrupted} 个中断，{running} 个在运行，{waiting} 个等待",
    "{cell}: {state}": "{cell}：{state}",
    "{state}: {reason}": "{state}：{reason}",
    "to the best": "与最好者相比",
    "M parameters": "参数量（百万）",
    # advice
    "No cell has finished with a score: nothing can be said yet.": "还没有单元完成并得到分数：目前无法判断。",
    "One recipe has finished: there is nothing to compare it with yet.": "只有一个配方完成：目前没有可比较的对象。",
    "{metric} does not compare between these models: their tokenizers cut the same answers into other tokens. Set metric: to a score of answers, such as heldout/rouge_l.":
        "{metric} 在这些模型之间无法比较：它们的分词器把同样的回答切成不同的 token。请把 metric: 设为回答的分数，例如 heldout/rouge_l。",
    "{best} has the best {metric} of {n} recipes: {value}.": "{n} 个配方中 {best} 的 {metric} 最好：{value}。",
    "{cheap} is not shown to be worse than {best} on this set (n = {n}), and costs less: {cheap_cost} against {best_cost}.":
        "在这个集合上（n = {n}）未显示出 {cheap} 比 {best} 差，而且代价更小：{cheap_cost}，后者为 {best_cost}。",
    "That is no proof that they are equal: the difference is {difference}, 95 % interval {low} to {high}, so that it may be worse by {bound}.":
        "这不证明两者相同：差值为 {difference}，95% 区间 {low} 至 {high}，因此可能差 {bound}。",
    "{parameters} M parameters, {minutes}": "参数量 {parameters} 百万，用时 {minutes}",
    "Every smaller or quicker recipe is shown to be worse, or there is none.":
        "更小或更快的配方都已显示出更差，或者没有这样的配方。",
    "Shown to be worse than {best}: {names}.": "已显示出比 {best} 差：{names}。",
    "Not shown to be worse than {best}: {names}.": "未显示出比 {best} 差：{names}。",
    "The best of {n} was chosen by the same questions that it is judged by, which flatters it: let other questions confirm it.":
        "{n} 个中的最好者是用评判它的同一批问题选出的，数值会偏好看：请用其他问题确认。",
    # page
    "Study": "研究",
    "Study of fine-tuning runs": "微调运行的研究",
    "judged by {metric}, stage after": "评判指标：{metric}，训练后阶段",
    "base {file}": "基础配置 {file}",
    "What follows": "结论",
    "Recipes": "配方",
    "Score and cost": "分数与代价",
    "Cells": "单元",
    "Worse counts as shown when the paired 95 % interval of the difference to the best leaves out 0 and its p, adjusted for all {n} comparisons (Holm), is below 0.05.":
        "与最好者之差的配对 95% 区间不含 0，且 p 值（按全部 {n} 项比较作 Holm 校正）小于 0.05，才算显示出更差。",
    "A recipe is all cells that differ in the seed alone. Its score is the mean over their answers to each question, with the 95 % interval over questions; how far seeds lie apart stands beside it and is not part of the interval.":
        "只有随机种子不同的单元合为一个配方。其分数是这些单元对每个问题的平均，附按问题计算的 95% 区间；种子之间的差距列在旁边，不计入区间。",
    "recipe": "配方",
    "difference to the best": "与最好者之差",
    "best value": "数值最好",
    "size, M parameters": "规模（百万参数）",
    "training time, minutes": "训练用时（分钟）",
    "peak memory, GiB": "峰值内存（GiB）",
    "money, {currency}": "费用（{currency}）",
    "Score against size": "分数与规模",
    "Score against training time": "分数与训练用时",
    "Score against memory": "分数与内存",
    "Score against money": "分数与费用",
    "Each dot is a recipe with its 95 % interval. The broken line joins those that no other recipe beats in score and cost at once (Pareto front); by their values alone, whether or not a difference is shown.":
        "每个点是一个配方及其 95% 区间。虚线连接在分数和代价上都没有被其他配方同时超过的配方（帕累托前沿）；只按数值，不论差异是否显著。",
    "on the front: {names}": "位于前沿：{names}",
    "{n} recipes have no place here: score or cost is not recorded": "{n} 个配方不在图中：没有记录分数或代价",
    "No cost is recorded.": "没有记录代价。",
    "The first seed of each recipe. Train loss is drawn as a running mean where a run has {n} steps or more.":
        "每个配方的第一个种子。运行达到 {n} 步或更多时，训练损失画成滑动平均。",
    "{n} recipes are not drawn: more lines over each other cannot be told apart.":
        "{n} 个配方未画出：更多的线叠在一起无法分辨。",
    "cell": "单元",
    "state": "状态",
}  # fmt: skip

# Commands that read the same in both languages.
STUDY_LITERAL = (
    "loralab study {path}",
    "loralab study {path} --retry-failed",
    "loralab study status {path}",
    "loralab study report {path}",
    "loralab study --help",
    "pip install 'loralab[{extra}]'",
)
