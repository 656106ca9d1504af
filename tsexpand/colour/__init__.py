"""What numbers mean as colour and light: pure functions on tensors.

One module per concept: `codes` (H.273 numbers), `signal` (what a sample means), `transfer`,
`primaries`, `ycbcr`, `luminance`, `dither`, `hdr10`, `tonemap`.
"""
