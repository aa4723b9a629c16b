"""Chinese sentences about several processes that share a run."""

from __future__ import annotations

SCALE: dict[str, str] = {
    # what a process finds in its environment
    "--devices is {devices}, but {name} is {world}": "--devices 为 {devices}，而 {name} 为 {world}",
    "where torchrun or the cluster starts the processes, leave --devices out": "由 torchrun 或集群启动进程时，不要写 --devices",
    "this is process {rank} of {world}, but {names} is not set": "这是 {world} 个进程中的第 {rank} 号，但未设置 {names}",
    "without it the processes cannot find each other, and each would make a run of its own": "否则各进程无法互相找到，会各自产生一次运行",
    "start them with torchrun, or export MASTER_ADDR (the host of process 0) and MASTER_PORT": "用 torchrun 启动，或导出 MASTER_ADDR（0 号进程的主机）和 MASTER_PORT",
    "{name} is set, {lacking} is not": "设置了 {name}，却没有设置 {lacking}",
    "torchrun was started with --max-restarts {n}": "torchrun 启动时带有 --max-restarts {n}",
    "a restart would begin another run instead of carrying this one on": "重启会开始另一次运行，而不是接着这一次",
    "use --max-restarts 0; loralab resume RUN goes on after a fault": "请用 --max-restarts 0；出错后用 loralab resume 运行文件夹 继续",
    "the environment does not tell which process of how many this is: {found}": "环境变量没有说明这是多少个进程中的哪一个：{found}",
    "unset RANK and WORLD_SIZE, or start the processes with torchrun": "取消 RANK 和 WORLD_SIZE，或用 torchrun 启动进程",
    # meeting
    "several processes can share a run on CUDA and on CPUs, not on mps": "多个进程可以在 CUDA 或 CPU 上共享一次运行，不能在 mps 上",
    "{processes} processes on this machine, {gpus} GPUs: each needs one of its own": "本机有 {processes} 个进程、{gpus} 块 GPU：每个进程需要自己的一块",
    "start as many processes as there are GPUs": "启动与 GPU 数相同的进程",
    "of {world} processes, these did not come within {seconds:.0f} s: {names}": "{world} 个进程中，以下进程在 {seconds:.0f} 秒内没有到来：{names}",
    "look at what they said, and start all of them again": "查看它们的输出，然后全部重新启动",
    "{n} processes share each step: {backend}, {threads} threads each": "{n} 个进程共享每一步：{backend}，每个 {threads} 个线程",
    "processes {names} read other rows, or other tokens of them, than process 0": "进程 {names} 读到的行或其 token 与 0 号进程不同",
    "let all machines see the same data and model files, and the same versions": "让所有机器使用相同的数据文件、模型文件和软件版本",
    # on the way
    "process {rank}: {message}": "进程 {rank}：{message}",
    "process {rank} failed: {error}": "进程 {rank} 失败：{error}",
    "another process of this run is gone, or cannot be reached any more": "本次运行的另一个进程已经不在，或无法再联系到",
    "process {rank} of this run has given no sign of life for {seconds:.0f} s": "本次运行的进程 {rank} 已有 {seconds:.0f} 秒没有任何消息",
    "process {rank} of {n} was ended by {signal}, and the run with it": "{n} 个进程中的第 {rank} 号被 {signal} 终止，运行随之结束",
    "loralab resume {path} --devices {n}": "loralab resume {path} --devices {n}",
    "loralab resume RUN --devices {n}": "loralab resume 运行文件夹 --devices {n}",
    "the adapters of processes {names} are not that of process 0: the machines compute differently": "进程 {names} 的适配器与 0 号进程不一致：这些机器的计算结果不同",
    "use machines of one kind, with the same versions of torch": "请使用同一种机器和相同版本的 torch",
    # going on
    "this run began on {before} processes and goes on with {now}: from here on losses are the same within 1e-5 of"
    " their value (1e-2 in bfloat16), not to the last bit": "本次运行开始时有 {before} 个进程，现在以 {now} 个继续：此后损失与原来相差不超过其值的 1e-5（bfloat16 为 1e-2），而不是逐位相同",
}
