"""Listener of its network; see `listener.py`."""

from listeners.googleplay.listener import LISTENER

__all__ = ["LISTENER"]
