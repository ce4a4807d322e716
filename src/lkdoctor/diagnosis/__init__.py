"""The doctor: plan, run, fold."""
