"""How fast this machine is at it: ratios against baselines of the same run, so that they mean something elsewhere."""
