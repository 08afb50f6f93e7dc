"""Strings the stages together: one import run from file to trigger, one send, one tick.

Where two stages must act in one transaction (an import completes, its trigger is armed), it opens it.
"""
