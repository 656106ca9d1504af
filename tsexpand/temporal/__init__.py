"""Stable in time: what looks at more than one picture, as generators with bounded look-ahead.

`shots` finds cuts and deals a stream out shot by shot, `windows` shows each frame its neighbours
in the shot, `exposure` anchors relative light, `smoothing` takes flicker out of luminance.

Each stage is `Iterable[LightBatch] -> Iterator[LightBatch]`; its result does not depend on how the
frames are batched, batches leave in the sizes they came in, packets leave with their batch. A
stage holds at most (window − 1) / 2 + 1 frames (as parts of the batches they came in) beside the
batch that leaves.
"""
