"""The soak: use, change and break an instance for hours, then count the results. `python -m bench.soak`"""
