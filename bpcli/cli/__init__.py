"""The command line: arguments in, text or JSON out. What a command does is done elsewhere."""
