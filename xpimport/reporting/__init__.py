"""TELLS: history, the excluded users report, rejected rows and the plan."""
