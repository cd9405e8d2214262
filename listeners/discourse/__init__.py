"""Listener of its network; see `listener.py`."""

from listeners.discourse.listener import LISTENER

__all__ = ["LISTENER"]
