"""Scripts that make the demo's tiny model and data; README.md lists them in order of use."""
