"""Listener of its network; see `listener.py`."""

from listeners.appstore.listener import LISTENER

__all__ = ["LISTENER"]
