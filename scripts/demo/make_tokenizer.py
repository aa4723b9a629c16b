"""Trains a 4,096-token byte-level BPE on the seen articles and saves it with a ChatML template."""

import json
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from .corpus import ASSETS, departments, read_articles, split
from .pretrain_text import article_text, dialogue_text, tagged_text

SEED = 42
VOCABULARY = 4096
PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"

QWEN2_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Qwen2's own pre-tokenizer: loaders put it in by the model's type, whatever tokenizer.json says."""

CHAT_TEMPLATE = """\
{%- if messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
{%- else %}
    {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if not (loop.first and message.role == 'system') %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""


def training_texts() -> list[str]:
    """Returns every seen article twice (numbered, then tagged with its law) and some small talk."""
    rng = random.Random(SEED)
    seen = split(read_articles()).seen
    dialogues = [dialogue_text(rng, seen) for _ in range(len(seen) // 4)]
    return [
        *(article_text(article) for article in seen),
        *("".join(tagged_text(rng, article)) for article in seen),
        *(text.replace(START, "").replace(END, "") for text in dialogues),
    ]


def train(texts: list[str]) -> Tokenizer:
    """Returns a byte-level BPE with the normalizer and pre-tokenizer of Qwen2."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(text, special=True) for text in (PAD, START, END)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def config() -> dict[str, object]:
    """Returns what tokenizer_config.json holds, laid out like Qwen2.5's."""
    return {
        "tokenizer_class": "Qwen2Tokenizer",
        "additional_special_tokens": [START, END],
        "add_prefix_space": False,
        "bos_token": None,
        "unk_token": None,
        "chat_template": CHAT_TEMPLATE,
        "eos_token": END,
        "pad_token": PAD,
        "model_max_length": 2048,
        "clean_up_tokenization_spaces": False,
    }


def main() -> None:
    """Writes tokenizer.json and tokenizer_config.json."""
    folder = ASSETS / "model"
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = train(training_texts())
    tokenizer.save(str(folder / "tokenizer.json"))
    text = json.dumps(config(), ensure_ascii=False, indent=2)
    (folder / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")
    names = {law: len(tokenizer.encode(f"《{law}").ids) for law in departments()}
    print(f"{tokenizer.get_vocab_size()} tokens; tokens of each law name: {sorted(names.values())}")


if __name__ == "__main__":
    main()
