"""Chinese sentences about memory plans and time forecasts."""

from __future__ import annotations

MEMORY: dict[str, str] = {
    # why there is no plan
    "memory is planned for {known}, not for {family}": "只能估算 {known} 的内存，不能估算 {family}",
    "config.json has no usable {names}": "config.json 中没有可用的 {names}",
    "memory is not planned for adapters of {names}": "不能估算 {names} 上适配器的内存",
    "there are no training rows with tokens": "没有可计算 token 的训练行",
    "it needs a model; add --model FOLDER": "需要模型；请加上 --model 文件夹",
    # phases
    "loading": "加载",
    "check of the fast engine": "快速引擎自检",
    "answering": "回答",
    # parts
    "CUDA itself": "CUDA 自身",
    "Python and torch": "Python 与 torch",
    "weights": "权重",
    "adapter": "适配器",
    "gradients": "梯度",
    "optimizer": "优化器",
    "activations": "激活",
    "head or one layer, for a moment": "输出层或某一层的瞬时占用",
    "allocator slack": "分配器余量",
    "weight files": "权重文件",
    "cache of keys and values": "键值缓存",
    "one layer, or the head of held-out rows": "某一层，或留出集的输出层",
    # how they are reckoned
    "assumed, not measured": "假定值，未经测量",
    "measured once": "实测一次",
    "{n} numbers x {size} bytes": "{n} 个数 x {size} 字节",
    "rank {rank} x inputs and outputs of {n} modules x 4 bytes": "秩 {rank} x {n} 个模块的输入与输出 x 4 字节",
    "as the adapter": "与适配器相同",
    "AdamW: twice the adapter": "AdamW：适配器的两倍",
    "{tokens} tokens x {layers} layers x {each} bytes": "{tokens} 个 token x {layers} 层 x {each} 字节",
    "{rows} rows x {vocabulary} logits, or one layer's backward": "{rows} 行 x {vocabulary} 个 logit，或某一层的反向传播",
    "{share:.0%} of the two above; assumed, not measured": "以上两项的 {share:.0%}；假定值，未经测量",
    "{share:.0%} of the two above as they are without recomputation; measured": "以上两项在不重算时的 {share:.0%}；实测",
    "{share:.0%} of the two above; measured": "以上两项的 {share:.0%}；实测",
    "{share:.0%} of the blocks that are freed between blocks that stay; measured":
        "夹在保留块之间、已释放的块的 {share:.0%}；实测",
    "blocks that are freed between blocks that stay; measured": "夹在保留块之间、已释放的块；实测",
    "pages of the weight files; the system takes them back when memory is short":
        "权重文件的页面；内存不足时系统会收回",
    "{rows} rows x {tokens} tokens x {layers} layers x keys and values": "{rows} 行 x {tokens} 个 token x {layers} 层 x 键和值",
    "{rows} prompts of {tokens} tokens, or a micro-batch": "{rows} 个 {tokens} token 的问题，或一个微批",
    # the table and what follows it
    "no memory plan: {reason}": "没有内存估算：{reason}",
    "memory on {device}, engine {engine}, largest micro-batch {tokens} tokens ({rows} rows); most is needed in: {phase}":
        "{device} 内存，引擎 {engine}，最大微批 {tokens} 个 token（{rows} 行）；需求最大的阶段：{phase}",
    "part": "部分",
    "GiB": "GiB",
    "reckoned as": "计算方式",
    "in all": "合计",
    "  {phase}: {size:.2f} GiB": "  {phase}：{size:.2f} GiB",
    "  {setting} frees {size:.2f} GiB": "  {setting} 可省 {size:.2f} GiB",
    "how much memory is free is not known here": "无法得知此处的空闲内存",
    "it fits": "放得下",
    "it may not fit": "可能放不下",
    "free: {free:.2f} GiB: {fits}": "空闲：{free:.2f} GiB：{fits}",
    "micro-batches are made smaller for that: {tokens} tokens instead of {asked}": "为此缩小微批：{tokens} 个 token，而不是 {asked} 个",
    "{n} copies of {layers} numbers of the layers and one of {head} of the head x 4 bytes":
        "各层 {layers} 个数的副本 {n} 份，输出层 {head} 个数的副本 1 份 x 4 字节",
    "the other engine's gradients, and B": "另一引擎的梯度，以及 B",
    "1.5 times the adapter": "适配器的 1.5 倍",
    "{n} numbers x {bits:.2f} bits, the others x {size} bytes": "{n} 个数 x {bits:.2f} 位，其余 x {size} 字节",
    "matrices in a faster layout": "按更快布局存放的矩阵",
    "this run may need {need:.2f} GiB of memory ({phase}), {free:.2f} GiB are free; what needs less: {knobs}":
        "本次运行可能需要 {need:.2f} GiB 内存（{phase}），空闲 {free:.2f} GiB；可减少占用的设置：{knobs}",
    # time
    "--calibrate needs a model; add --model FOLDER": "--calibrate 需要模型；请加上 --model 文件夹",
    "time: not measured; --calibrate loads the model and takes three steps":
        "时间：未测量；--calibrate 会加载模型并运行三步",
    "time: {rate:.0f} tokens/s on {device} with engine {engine}; {steps} steps, {tokens} tokens: about {minutes:.1f} min":
        "时间：{device} 上引擎 {engine} 为 {rate:.0f} token/秒；{steps} 步、{tokens} 个 token：约 {minutes:.1f} 分钟",
    "answers: {n} at {rate:.1f} tokens/s: at most {minutes:.1f} min, if all were as long as evaluate.max_new_tokens":
        "回答：{n} 个，{rate:.1f} token/秒：最多 {minutes:.1f} 分钟（假定每个都达到 evaluate.max_new_tokens）",
    "not included: loading, held-out losses, checkpoints": "不含：加载、留出集损失、检查点",
}  # fmt: skip
