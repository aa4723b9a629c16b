"""The fast engine: LoRA steps by a forward and a backward written by hand, on Hugging Face weights and a PEFT adapter.

One micro-batch is a line of documents without padding. `arrange` lays rows out, `decoder` reads the model,
`attention_block`, `mlp_block` and `head` each hold a forward and its backward, `engine` runs them. The mathematics
is that of the plain engine, dropout masks included; what differs is the order of sums.
"""
