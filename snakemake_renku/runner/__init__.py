"""The process beside the job: hashes, runs, measures, reports."""
