"""Listener of its network; see `listener.py`."""

from listeners.youtube.listener import LISTENER

__all__ = ["LISTENER"]
