"""The console: the web application in which care agents work cases and analysts read trends."""
