"""The soak: an instance that is used, changed and broken for hours, and then counted. `python -m bench.soak`"""
