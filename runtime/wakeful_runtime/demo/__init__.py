"""`wakeful demo`: the main job on real input, with faults injected while you watch."""
