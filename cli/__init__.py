"""The command `vigie`: one file a group of commands."""
