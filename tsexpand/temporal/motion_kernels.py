"""Optical flow and averages along it as kernels for GPUs, in Triton; `gpu_motion` runs them.

Pictures are planes (N, C, height, width), dense, float32: flows of 2, right and down in pixels, others PQ signals. A
program computes some pixels (axis 0) of one picture, or of one plane where kernels say so (axis 1). What is beyond a
picture is as its edge. Names in capitals are known when a kernel is compiled.
"""

# Triton ships no types, and its language is Python only to look at.
# mypy: ignore-errors

import triton
import triton.language as tl

_CUBIC: tl.constexpr = tl.constexpr(-0.75)
"""Of cubic kernels, the one of PyTorch's `grid_sample`."""


@triton.jit
def _pixels(height, width, PIXELS: tl.constexpr):
    """Places of this program's pixels in a plane, their rows and columns, and which of them there are."""
    place = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    return place, place // width, place % width, place < height * width


@triton.jit
def _near(row, column, height, width):
    """The place of what is in a row and a column, or at the edge nearest to it."""
    return tl.minimum(tl.maximum(row, 0), height - 1) * width + tl.minimum(tl.maximum(column, 0), width - 1)


@triton.jit
def _bilinear(plane, x, y, height, width):
    """Values at places between pixels; where those are whole numbers the pixels', to the last bit."""
    x, y = tl.minimum(tl.maximum(x, 0.0), width - 1.0), tl.minimum(tl.maximum(y, 0.0), height - 1.0)
    left, top = tl.floor(x), tl.floor(y)
    across, down = x - left, y - top
    column, row = left.to(tl.int32), top.to(tl.int32)
    upper = (1 - across) * tl.load(plane + _near(row, column, height, width)) + across * tl.load(
        plane + _near(row, column + 1, height, width)
    )
    lower = (1 - across) * tl.load(plane + _near(row + 1, column, height, width)) + across * tl.load(
        plane + _near(row + 1, column + 1, height, width)
    )
    return (1 - down) * upper + down * lower


@triton.jit
def _cubic(tap: tl.constexpr, t):
    """The weight of a pixel, from -1 to 2, for a place that is `t` beyond pixel 0."""
    if tap == -1 or tap == 2:
        s = t + 1 if tap == -1 else 2 - t
        return ((_CUBIC * s - 5 * _CUBIC) * s + 8 * _CUBIC) * s - 4 * _CUBIC
    s = t if tap == 0 else 1 - t
    return ((_CUBIC + 2) * s - (_CUBIC + 3)) * s * s + 1


@triton.jit
def _bicubic(plane, x, y, height, width):
    """Values at places between pixels, as sharp as pixels; where those are whole numbers the pixels', likewise."""
    x, y = tl.minimum(tl.maximum(x, -2.0), width + 1.0), tl.minimum(tl.maximum(y, -2.0), height + 1.0)
    left, top = tl.floor(x), tl.floor(y)
    across, down = x - left, y - top
    column, row = left.to(tl.int32), top.to(tl.int32)
    total = tl.zeros_like(x)
    for i in tl.static_range(4):
        line = tl.zeros_like(x)
        for j in tl.static_range(4):
            line += _cubic(j - 1, across) * tl.load(plane + _near(row + (i - 1), column + (j - 1), height, width))
        total += _cubic(i - 1, down) * line
    return total


@triton.jit
def _gradient(plane, row, column, height, width):
    """Right and down."""
    right = tl.load(plane + _near(row, column + 1, height, width)) - tl.load(
        plane + _near(row, column - 1, height, width)
    )
    down = tl.load(plane + _near(row + 1, column, height, width)) - tl.load(
        plane + _near(row - 1, column, height, width)
    )
    return right / 2, down / 2


@triton.jit(do_not_specialize=["height", "width"])
def products(picture, out, height, width, RADIUS: tl.constexpr, PIXELS: tl.constexpr):
    """Of a picture's gradient 3 planes: right by right, down by down, right by down, averaged along columns."""
    place, row, column, within = _pixels(height, width, PIXELS)
    plane = picture + tl.program_id(1) * height * width
    squares, others = tl.zeros((PIXELS,), tl.float32), tl.zeros((PIXELS,), tl.float32)
    mixed = tl.zeros((PIXELS,), tl.float32)
    for offset in tl.range(-RADIUS, RADIUS + 1):
        right, down = _gradient(plane, tl.minimum(tl.maximum(row + offset, 0), height - 1), column, height, width)
        squares += right * right
        others += down * down
        mixed += right * down
    line = out + tl.program_id(1) * 3 * height * width + place
    size: tl.constexpr = 2 * RADIUS + 1
    tl.store(line, squares / size, within)
    tl.store(line + height * width, others / size, within)
    tl.store(line + 2 * height * width, mixed / size, within)


@triton.jit
def _averaged_along(planes, number: tl.constexpr, row, column, height, width, RADIUS: tl.constexpr,
                    PIXELS: tl.constexpr):  # fmt: skip
    """The mean along rows of one of several planes."""
    total = tl.zeros((PIXELS,), tl.float32)
    for offset in tl.range(-RADIUS, RADIUS + 1):
        total += tl.load(planes + number * height * width + _near(row, column + offset, height, width))
    return total / (2 * RADIUS + 1)


@triton.jit(do_not_specialize=["height", "width"])
def inverses(products, out, height, width, noise, RADIUS: tl.constexpr, PIXELS: tl.constexpr):
    """The inverse of the matrix of mean products, 3 planes: the entries of its diagonal, and its other one, negated."""
    place, row, column, within = _pixels(height, width, PIXELS)
    planes = products + tl.program_id(1) * 3 * height * width
    squares = _averaged_along(planes, 0, row, column, height, width, RADIUS, PIXELS) + noise
    others = _averaged_along(planes, 1, row, column, height, width, RADIUS, PIXELS) + noise
    mixed = _averaged_along(planes, 2, row, column, height, width, RADIUS, PIXELS)
    determinant = squares * others - mixed * mixed
    line = out + tl.program_id(1) * 3 * height * width + place
    tl.store(line, others / determinant, within)
    tl.store(line + height * width, squares / determinant, within)
    tl.store(line + 2 * height * width, mixed / determinant, within)


@triton.jit(do_not_specialize=["height", "width"])
def errors(picture, other, flow, out, height, width, PIXELS: tl.constexpr):
    """How much more the other picture, seen along the flow, is than this one, times the gradient: 2 planes."""
    place, row, column, within = _pixels(height, width, PIXELS)
    plane, there = picture + tl.program_id(1) * height * width, other + tl.program_id(1) * height * width
    motion = flow + tl.program_id(1) * 2 * height * width + place
    x = column + tl.load(motion, within, other=0.0)
    y = row + tl.load(motion + height * width, within, other=0.0)
    right, down = _gradient(plane, row, column, height, width)
    error = _bilinear(there, x, y, height, width) - tl.load(plane + place, within, other=0.0)
    line = out + tl.program_id(1) * 2 * height * width + place
    tl.store(line, right * error, within)
    tl.store(line + height * width, down * error, within)


@triton.jit(do_not_specialize=["height", "width"])
def averaged_down(planes, out, height, width, RADIUS: tl.constexpr, PIXELS: tl.constexpr):
    """The mean along columns; plane by plane."""
    place, row, column, within = _pixels(height, width, PIXELS)
    plane = planes + tl.program_id(1) * height * width
    total = tl.zeros((PIXELS,), tl.float32)
    for offset in tl.range(-RADIUS, RADIUS + 1):
        total += tl.load(plane + _near(row + offset, column, height, width))
    tl.store(out + tl.program_id(1) * height * width + place, total / (2 * RADIUS + 1), within)


@triton.jit(do_not_specialize=["height", "width"])
def steps(found, inverse, flow, out, height, width, longest, RADIUS: tl.constexpr, PIXELS: tl.constexpr):
    """The flow after a step, as long as its errors say: averaged along columns already, and along rows here."""
    place, row, column, within = _pixels(height, width, PIXELS)
    size = height * width
    planes = found + tl.program_id(1) * 2 * size
    right = _averaged_along(planes, 0, row, column, height, width, RADIUS, PIXELS)
    down = _averaged_along(planes, 1, row, column, height, width, RADIUS, PIXELS)
    entry = inverse + tl.program_id(1) * 3 * size + place
    across = tl.load(entry + 2 * size, within, other=0.0)
    step_right = across * down - tl.load(entry, within, other=0.0) * right
    step_down = across * right - tl.load(entry + size, within, other=0.0) * down
    line = tl.program_id(1) * 2 * size + place
    here = tl.load(flow + line, within, other=0.0)
    tl.store(out + line, here + tl.minimum(tl.maximum(step_right, -longest), longest), within)
    here = tl.load(flow + line + size, within, other=0.0)
    tl.store(out + line + size, here + tl.minimum(tl.maximum(step_down, -longest), longest), within)


@triton.jit(do_not_specialize=["height", "width"])
def smoothed(planes, out, height, width, PIXELS: tl.constexpr):
    """The mean of a pixel and the eight around it; plane by plane."""
    place, row, column, within = _pixels(height, width, PIXELS)
    plane = planes + tl.program_id(1) * height * width
    total = tl.zeros((PIXELS,), tl.float32)
    for down in tl.static_range(3):
        for right in tl.static_range(3):
            total += tl.load(plane + _near(row + (down - 1), column + (right - 1), height, width))
    tl.store(out + tl.program_id(1) * height * width + place, total / 9, within)


@triton.jit(do_not_specialize=["height", "width", "channels"])
def warped(pictures, flow, out, height, width, channels, PIXELS: tl.constexpr):
    """Pictures seen along their flows; plane by plane."""
    place, row, column, within = _pixels(height, width, PIXELS)
    motion = flow + tl.program_id(1) // channels * 2 * height * width + place
    x = column + tl.load(motion, within, other=0.0)
    y = row + tl.load(motion + height * width, within, other=0.0)
    plane = tl.program_id(1) * height * width
    tl.store(out + plane + place, _bilinear(pictures + plane, x, y, height, width), within)


@triton.jit(do_not_specialize=["height", "width", "rows", "columns"])
def differences(own, other, flow, out, height, width, rows, columns, times, down_a_row, right_a_column,
                PIXELS: tl.constexpr):  # fmt: skip
    """How much more R, G and B are in another picture, seen along a flow of fewer rows and columns; the mean square."""
    place, row, column, within = _pixels(height, width, PIXELS)
    size = height * width
    x = tl.maximum((column + 0.5) * right_a_column - 0.5, 0.0)
    y = tl.maximum((row + 0.5) * down_a_row - 0.5, 0.0)
    right = column + times * _bilinear(flow, x, y, rows, columns)
    down = row + times * _bilinear(flow + rows * columns, x, y, rows, columns)
    brighter = _bicubic(other + 3 * size, right, down, height, width)
    level = tl.load(own + 3 * size + place, within, other=0.0)
    squares = tl.zeros((PIXELS,), tl.float32)
    for colour in tl.static_range(3):
        there = _bilinear(other + colour * size, right, down, height, width) + brighter
        more = there - (tl.load(own + colour * size + place, within, other=0.0) + level)
        squares += more * more
        tl.store(out + colour * size + place, more, within)
    tl.store(out + 3 * size + place, squares / 3, within)


@triton.jit(do_not_specialize=["height", "width", "neighbours"])
def shown(own, differences, out, height, width, neighbours, noise, shadow, PIXELS: tl.constexpr):
    """R, G and B with what they are more in neighbours (4 planes each), as far as those agree around the pixel."""
    place, row, column, within = _pixels(height, width, PIXELS)
    size = height * width
    level = tl.load(own + 3 * size + place, within, other=0.0)
    least = noise * tl.minimum(level / shadow, 1.0)
    spread = -2 * least * least - 1e-12
    red, green, blue = tl.zeros_like(level), tl.zeros_like(level), tl.zeros_like(level)
    total = tl.full((PIXELS,), 1.0, tl.float32)
    planes = differences
    for _ in tl.range(neighbours):
        square = tl.zeros((PIXELS,), tl.float32)
        for i in tl.static_range(3):
            for j in tl.static_range(3):
                square += tl.load(planes + 3 * size + _near(row + (i - 1), column + (j - 1), height, width))
        weight = tl.exp(square / 9 / spread)
        red += weight * tl.load(planes + place, within, other=0.0)
        green += weight * tl.load(planes + size + place, within, other=0.0)
        blue += weight * tl.load(planes + 2 * size + place, within, other=0.0)
        total += weight
        planes += 4 * size
    tl.store(out + place, tl.load(own + place, within, other=0.0) + level + red / total, within)
    tl.store(out + size + place, tl.load(own + size + place, within, other=0.0) + level + green / total, within)
    tl.store(out + 2 * size + place, tl.load(own + 2 * size + place, within, other=0.0) + level + blue / total, within)
