"""Chinese sentences about a base that lies on several devices of one process."""

from __future__ import annotations

PLACEMENT: dict[str, str] = {
    # config
    "must be none, auto or a mapping such as {example}": "必须是 none、auto 或形如 {example} 的映射",
    "model.device_map and model.shard: fsdp are both set; they are two ways to spread one base":
        "同时设置了 model.device_map 和 model.shard: fsdp；它们是分散同一个基座的两种方式",
    # what cannot be had
    "model.device_map is for GPUs of CUDA and for a CPU, not for {device}":
        "model.device_map 用于 CUDA 的 GPU 和 CPU，不用于 {device}",
    "remove model.device_map": "请删去 model.device_map",
    "model.device_map lays the base on devices of one process, and {n} processes are to share the run":
        "model.device_map 把基座放在一个进程的多个设备上，而这次运行要由 {n} 个进程共享",
    "each of them has one device of its own": "它们各自只有一个设备",
    "remove model.device_map, or leave out --devices": "请删去 model.device_map，或不写 --devices",
    "model.device_map puts {part} on {place}": "model.device_map 把 {part} 放在 {place} 上",
    "model.device_map puts {part} on {place}, which this machine does not have":
        "model.device_map 把 {part} 放在 {place} 上，而本机没有这个设备",
    "loralab env names the devices of this machine": "loralab env 会列出本机的设备",
    "such weights are fetched anew for each pass, and an adapter on them would hold no numbers":
        "这样的权重每次计算都要重新取来，其上的适配器将没有数值",
    "use more or larger devices, set model.dtype=nf4, or choose a smaller model":
        "使用更多或更大的设备，设置 model.dtype=nf4，或选择更小的模型",
    # a mapping that does not fit the model
    "model.device_map names {part}, which this model does not have": "model.device_map 写了 {part}，而该模型没有这一部分",
    "model.device_map gives {n} weights no device, first {name}":
        "model.device_map 没有为 {n} 个权重指定设备，第一个是 {name}",
    "model.device_map cuts {part}, which must lie on one device as a whole":
        "model.device_map 拆开了 {part}，它必须整个放在一个设备上",
    "{names} are the same weights in this model, and must lie on one device":
        "{names} 在该模型中是同一份权重，必须放在同一个设备上",
    # once it is loaded
    "the base does not fit on the devices of this process: {n} of its parts would lie on {places}":
        "基座放不进本进程的设备：它的 {n} 个部分将落在 {places} 上",
    "the base lies on: {places}": "基座的位置：{places}",
    "the layers of this model compute one after another on {n} devices, which together are no faster than one; the"
    " faster way is --devices {n}, which shares each step out: with a whole base on each device, or with model.shard":
        "该模型的各层在 {n} 个设备上依次计算，合起来也不比一个设备快；更快的方式是 --devices {n}，由各设备分担每一步："
        "每个设备上放一份完整的基座，或使用 model.shard",
}  # fmt: skip
