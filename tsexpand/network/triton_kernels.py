"""The layers of the network as kernels for GPUs, in Triton; `gpu_layers` runs them.

Features are (pixels, channels), pixel by pixel and row by row of parts. A convolution is a sum over taps of matrix
products of pixels and channels on the tensor cores. Names in capitals are known when a kernel is compiled.
"""

# Triton ships no types, and its language is Python only to look at.
# mypy: ignore-errors

import triton
import triton.language as tl

_ALPHA: tl.constexpr = tl.constexpr(1.6732632423543772848170429916717)
_SCALE: tl.constexpr = tl.constexpr(1.0507009873554804934193349852946)


@triton.jit
def _selu(x):
    return tl.where(x > 0, _SCALE * x, _SCALE * _ALPHA * (tl.exp(x) - 1))


@triton.jit(do_not_specialize=["pixels", "pitch"])
def first(signal, weight, rest, bias, out, pixels, pitch, DILATION: tl.constexpr, PIXELS: tl.constexpr,
           CHANNELS: tl.constexpr):  # fmt: skip
    """A first layer, as exact as float32: factors are sums of two of half the digits, without the smallest product."""
    pixel, channel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS), tl.arange(0, CHANNELS)
    entry = tl.arange(0, 16)  # of a row of three pixels of 4 values, and none
    sums = tl.zeros((PIXELS, CHANNELS), tl.float32)
    for row in tl.static_range(3):
        near = pixel[:, None] + row * DILATION * pitch + entry[None, :] // 4 * DILATION
        within = (entry[None, :] < 12) & (near < pixels)
        window = tl.load(signal + near.to(tl.int64) * 4 + entry[None, :] % 4, mask=within, other=0.0)
        large = window.to(tl.float16)
        small = (window - large.to(tl.float32)).to(tl.float16)
        place = (row * 16 + entry)[:, None] * CHANNELS + channel[None, :]
        kernel = tl.load(weight + place)
        sums = tl.dot(large, kernel, sums)
        sums = tl.dot(small, kernel, sums)
        sums = tl.dot(large, tl.load(rest + place), sums)
    out.store([tl.program_id(0) * PIXELS, 0], _selu(sums + tl.load(bias + channel)[None, :]).to(out.dtype))


@triton.jit
def _products(features, kernel, pixel, pitch, DILATION: tl.constexpr, PIXELS: tl.constexpr, INPUTS: tl.constexpr,
              OUTPUTS: tl.constexpr):  # fmt: skip
    """A 3×3 convolution: (PIXELS, OUTPUTS), float32."""
    sums = tl.zeros((PIXELS, OUTPUTS), tl.float32)
    for tap in tl.range(9):
        near = features.load([pixel + (tap // 3 * pitch + tap % 3) * DILATION, 0])
        sums = tl.dot(near, kernel.load([tap * INPUTS, 0]), sums)
    return sums


@triton.jit(do_not_specialize=["pitch"])
def convolved(features, kernel, bias, out, pitch, DILATION: tl.constexpr, PIXELS: tl.constexpr,
               CHANNELS: tl.constexpr):  # fmt: skip
    """A dilated layer."""
    pixel, channel = tl.program_id(0) * PIXELS, tl.arange(0, CHANNELS)
    sums = _products(features, kernel, pixel, pitch, DILATION, PIXELS, CHANNELS, CHANNELS)
    out.store([pixel, 0], _selu(sums + tl.load(bias + channel)[None, :]).to(out.dtype))


@triton.jit(do_not_specialize=["pitch"])
def local(features, kernel, bias, fusion, out, pitch, PIXELS: tl.constexpr, CHANNELS: tl.constexpr,
           WIDE: tl.constexpr):  # fmt: skip
    """The second local layer, and its share of the fusion."""
    pixel = tl.program_id(0) * PIXELS
    sums = _products(features, kernel, pixel, pitch, 1, PIXELS, CHANNELS, WIDE)
    wide = _selu(sums + tl.load(bias + tl.arange(0, WIDE))[None, :])
    out.store([pixel, 0], tl.dot(wide.to(out.dtype), fusion.load([0, 0])).to(out.dtype))


@triton.jit(do_not_specialize=["pitch", "rows", "height", "width", "rim"])
def logits(features, kernel, share, code, last, last_bias, out, pitch, rows, height, width, rim,
            DILATION: tl.constexpr, PIXELS: tl.constexpr, CHANNELS: tl.constexpr):  # fmt: skip
    """The last dilated layer with its share of the fusion, the fusion, and the last layer, which is float32."""
    number, channel = tl.program_id(1), tl.arange(0, CHANNELS)
    first = number * rows * pitch + tl.program_id(0) * PIXELS
    sums = _products(features, kernel, first, pitch, DILATION, PIXELS, CHANNELS, CHANNELS)
    sums += share.load([first + rim * (pitch + 1), 0]).to(tl.float32)
    fused = _selu(sums + tl.load(code + number * CHANNELS + channel)[None, :])
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    row, column = pixel // pitch, pixel % pitch
    within = (row < height) & (column < width)
    for colour in tl.static_range(3):
        logit = tl.sum(fused * tl.load(last + colour * CHANNELS + channel)[None, :], 1) + tl.load(last_bias + colour)
        line = (number.to(tl.int64) * 3 + colour) * height + row
        tl.store(out + line * width + column, logit, within)
