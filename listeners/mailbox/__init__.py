"""Listener of its network; see `listener.py`."""

from listeners.mailbox.listener import LISTENER

__all__ = ["LISTENER"]
