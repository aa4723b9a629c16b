"""The training benchmark's parts: one step of LoRA training, by loralab and by others, on the same rows."""
