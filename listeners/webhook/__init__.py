"""Listener of its network; see `listener.py`."""

from listeners.webhook.listener import LISTENER

__all__ = ["LISTENER"]
