"""Several processes that share the steps of one run: rank 0 keeps the record, all of them compute."""
