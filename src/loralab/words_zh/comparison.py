"""Sentences about runs side by side."""

from __future__ import annotations

COMPARISON: dict[str, str] = {
    "{metric} against {cost}": "{metric} 与 {cost}",
    "With 95 % intervals. The broken line joins the runs that no other beats in score and cost at once (Pareto front), by their values alone.": "含 95 % 区间。虚线连接那些没有其他运行在得分与代价上同时更优的运行（帕累托前沿），仅按数值。",
    # what is refused
    "cannot be compared with {baseline}: {what}": "不能与 {baseline} 比较：{what}",
    "add --anyway to see them side by side, marked as unlike": "加上 --anyway 仍可并排查看，但会标明二者不可比",
    "questions: not the same questions were asked": "questions：所问的题目不同",
    "messages: what was sent before the chat template differs, such as the system prompt":
        "messages：套用对话模板之前的消息不同，例如系统提示词",
    "references: the answers that count as right differ": "references：作为标准的参考答案不同",
    "decoding: the answers were made with other settings{settings}": "decoding：生成回答时的解码设置不同{settings}",
    "backend: the answers were made by {one} and by {two}": "backend：回答分别由 {one} 与 {two} 生成",
    "metrics: {one} against {two}": "metrics：评分指标的版本不同，{one} 对 {two}",
    "{part}: {one} against {two}": "{part}：{one} 对 {two}",
    "{run} has no evaluation fingerprint": "{run} 没有评测指纹",
    "the evaluation fingerprints differ; the manifests do not say in what":
        "评测指纹不同；manifest 没有记录差在哪一部分",
    "a comparison needs two runs, or two stages of one": "比较需要两次运行，或同一次运行的两个阶段",
    "compares two or more stages of one run": "用于比较同一次运行的两个或更多阶段",
    "--stage and --stages do not go together": "--stage 与 --stages 不能同时使用",
    "no stage of this run is scored: there is nothing to compare": "这次运行没有任何已评分的阶段，无从比较",
    "stage {stage} is not scored; scored are: {stages}": "阶段 {stage} 没有评分；已评分的阶段：{stages}",
    "choose one of them with --stage": "用 --stage 选择其中之一",
    "questions: a run and an evaluation share the task general alone, and not both have it":
        "questions：运行与单独评测只可能共有任务 general，而这里并非双方都有",
    # folders of loralab eval
    "this evaluation is not finished: {there} of {asked} answers are there":
        "这次评测尚未完成：{asked} 题中已有 {there} 题的回答",
    "the same loralab eval command again goes on with it": "再次执行同一条 loralab eval 命令即可继续",
    "was scored with {old}, this version of loralab scores with {new}":
        "是用 {old} 评分的，而此版本的 loralab 用 {new} 评分",
    "holds {there} of {asked} answers that can be read": "{asked} 个回答中只有 {there} 个可以读取",
    "{name}: the answers do not give this score again": "{name}：由这些回答算不出文件中的分数",
    "evaluate again into another --out": "请用另一个 --out 文件夹重新评测",
    "is an evaluation, which has no stages": "是一次单独评测，没有阶段之分",
    "name its folder alone, beside another one": "请只写它的文件夹，并与另一个文件夹并列",
    "{run}: the first {n} of {all} questions were asked": "{run}：只问了 {all} 题中的前 {n} 题",
    "Comparison of fine-tuning runs and evaluations": "微调运行与单独评测的比较",
    "Comparison of evaluations": "单独评测的比较",
    "tokens of the answers (loralab eval)": "回答的 token 数（loralab eval）",
    "time for the answers (loralab eval)": "回答耗时（loralab eval）",
    # what to know before the numbers
    "These runs are unlike: their numbers do not measure the same thing.":
        "这些运行的评测条件不同：它们的数字衡量的不是同一件事。",
    "To know before the numbers": "看数字之前须知",
    "{run} did not finish: what it had scored is compared": "{run} 没有完成：只比较它已有的评分",
    "another chat template than that of {baseline}, so another model family: {runs}":
        "对话模板与 {baseline} 不同，属于另一模型系列：{runs}",
    "{run} was made on other hardware than {baseline}: minutes and memory do not compare":
        "{run} 与 {baseline} 所用硬件不同：耗时与显存不可比",
    "{run}: {n} lines of {file} cannot be read": "{run}：{file} 中有 {n} 行无法读取",
    "{run}: {n} score rows have an id that came before; the first counts":
        "{run}：有 {n} 个评分行的 id 重复出现；以第一次为准",
    "{run}, {name}: the difference is over the {n} rows that both scored; {one} rows of the baseline and {two} of the run stand alone":
        "{run}，{name}：差值只取双方都评分的 {n} 行；基准另有 {one} 行、该运行另有 {two} 行没有对应",
    "{run}, {name}: {reason}": "{run}，{name}：{reason}",
    "the rows hold other label tokens: another tokenizer or another cut":
        "两边的标签 token 数不同：分词器或截断方式不同",
    # the verdict
    "{run} is {verdict} than {baseline} in {task} {metric}: {difference} {interval}, n = {n}.":
        "{run} 与 {baseline} 相比，{task} {metric} {verdict}：{difference} {interval}，n = {n}。",
    "No difference to {baseline} has been shown.": "没有显示出与 {baseline} 的差异。",
    "In {n} further comparisons no difference has been shown.": "另有 {n} 项比较没有显示出差异。",
    "Nothing can be said: no question was scored by the baseline and by another run.":
        "无法得出结论：没有任何题目同时被基准和其他运行评分。",
    "A difference counts as shown when its paired 95 % interval leaves out 0 and its p, adjusted for all {n} comparisons of this page (Holm), is below 0.05. Right and wrong answers are tested with McNemar's exact test, other scores by exchanging the runs at random.":
        "只有当配对 95% 区间不含 0，且 p 值按本页全部 {n} 项比较校正（Holm 法）后仍低于 0.05，才算显示出差异。对错类得分用 McNemar 精确检验，其他得分用随机互换两次运行的置换检验。",
    "not comparable": "不可比",
    "higher": "更高",
    "lower": "更低",
    "the exact test does not agree with the interval": "精确检验与区间的结论不一致",
    "adjusted for {n} comparisons, chance could have made this difference":
        "按 {n} 项比较校正后，这一差异可能出于偶然",
    # tables
    "Comparison of fine-tuning runs": "微调运行的比较",
    "Comparison": "比较",
    "baseline": "基准",
    "run": "运行",
    "difference": "差值",
    "95 % interval": "95% 区间",
    "p, adjusted": "校正后的 p",
    "verdict": "结论",
    "Each value with its 95 % interval and n; below it the difference to the baseline over the questions that both answered.":
        "每个数值附 95% 区间与题数 n；其下是与基准的差值，只取双方都回答过的题目。",
    "Cost": "成本",
    "cost": "成本",
    "base model": "基座模型",
    "adapter rank": "适配器的秩",
    "trained parameters": "训练的参数量",
    "optimizer steps": "优化步数",
    "tokens trained on": "训练所用 token 数",
    "training time": "训练耗时",
    "time in all": "总耗时",
    "peak memory": "峰值内存",
    "hardware": "硬件",
    "Train loss": "训练损失",
    "Train loss is drawn as a running mean where a run has {n} steps or more.":
        "步数不少于 {n} 的运行，训练损失画的是滑动平均。",
    # changed answers
    "Changed answers": "变化的回答",
    "No answer changed its score.": "没有回答的得分发生变化。",
    "wrong became right": "由错变对",
    "right became wrong": "由对变错",
    "largest gains": "得分上升最多",
    "largest losses": "得分下降最多",
    "{n} more are not shown here": "另有 {n} 个未在此显示",
    "{run}, {name}: {n} questions fixed": "{run}，{name}：{n} 题由错变对",
    "{run}, {name}: {n} questions broken": "{run}，{name}：{n} 题由对变错",
    "{run}, {name}: {n} answers better": "{run}，{name}：{n} 个回答变好",
    "{run}, {name}: {n} answers worse": "{run}，{name}：{n} 个回答变差",
    "{run}: {what}": "{run}：{what}",
}  # fmt: skip

COMPARISON_LITERAL: tuple[str, ...] = (
    "  {count}",
    "  {scores}  {question}",
    "loralab compare {run} --stages before,after",
    "loralab compare {runs} --html compare.html",
)
