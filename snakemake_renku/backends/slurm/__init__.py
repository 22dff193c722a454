"""Slurm: jobs in arrays, their ends told apart, and a way to leave and come back."""
