"""Studies hit where it hurts: `python -m studies kills`, `python -m studies nodes` from tests/, or `make studies`."""
