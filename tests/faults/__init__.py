"""The command line, hit where it hurts: `python -m faults --rounds 200` from tests/, or `make faults`."""
