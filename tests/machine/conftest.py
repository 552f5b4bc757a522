import os
if os.environ.get("STATS"):
    exec(open("/tmp/machine_stats.py").read())
