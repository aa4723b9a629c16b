"""Settings: a YAML file and overrides in, a frozen `Config` out."""

from loralab.config.load import load_config, make_config, override
from loralab.config.schema import Config, Slice

__all__ = ["Config", "Slice", "load_config", "make_config", "override"]
