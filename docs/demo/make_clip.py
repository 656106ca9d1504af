"""Makes the demo clip: a sun low over water, as an SDR camera sees it, with sound.

The scene is computed as linear light, exposed so that the sun, its glow and the glints clip,
and passed through the BT.709 camera curve. Usage: make_clip.py OUTPUT.mp4
"""

import math
import sys
from fractions import Fraction

import av
import numpy as np

WIDTH, HEIGHT, FRAMES, RATE = 480, 270, 48, 24
HORIZON = 0.62
AUDIO_RATE = 48000


def noise(x: np.ndarray, y: np.ndarray, seed: int, octaves: int = 5) -> np.ndarray:
    """Fractal value noise in about [0, 1]."""
    table = np.random.default_rng(seed).random((256, 256))
    total, amplitude = np.zeros(np.broadcast(x, y).shape), 0.5
    for _ in range(octaves):
        x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
        u, v = (x - x0), (y - y0)
        u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
        corner = lambda i, j: table[(y0 + j) % 256, (x0 + i) % 256]  # noqa: B023, E731
        top = corner(0, 0) * (1 - u) + corner(1, 0) * u
        bottom = corner(0, 1) * (1 - u) + corner(1, 1) * u
        total += amplitude * (top * (1 - v) + bottom * v)
        x, y, amplitude = x * 2.03 + 17, y * 2.03 + 5, amplitude / 2
    return total


def scene(t: float) -> np.ndarray:
    """Linear light (H, W, 3) at time t in seconds; 1 clips."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / HEIGHT
    x = x + 0.06 * t
    sun_x, sun_y = 1.05, HORIZON - 0.16
    distance = np.hypot(x - sun_x, y - sun_y)
    up = np.clip((HORIZON - y) / HORIZON, 0, 1)[..., None]
    sky = np.array([0.55, 0.30, 0.14]) * (1 - up) + np.array([0.05, 0.11, 0.26]) * up
    glow = 1.6 * np.exp(-distance / 0.07) + 0.35 * np.exp(-distance / 0.3)
    disc = 60.0 / (1 + np.exp((distance - 0.035) / 0.0025))
    cloud = np.clip(noise(x * 3 + 0.05 * t, y * 9, 1) * 2.4 - 1.05, 0, 1)
    rim = cloud * np.exp(-distance / 0.25)
    sun_colour = np.array([1.0, 0.72, 0.38])
    light = sky + (glow + disc * (1 - 0.9 * cloud) + 1.8 * rim)[..., None] * sun_colour
    light *= (1 - 0.55 * cloud * np.clip(distance * 2, 0, 1))[..., None]
    depth = np.clip((y - HORIZON) / (1 - HORIZON), 1e-3, 1)
    waves = noise(x * 40 / (0.3 + depth), 3 / depth + 2.5 * t, 2, 3)
    streak = np.exp(-(((x - sun_x) / (0.05 + 0.25 * depth)) ** 2))
    glint = 14 * np.clip(waves - 0.62, 0, 1) * streak
    water = np.array([0.035, 0.05, 0.075]) * (0.6 + waves)[..., None] + (0.22 * streak + glint)[..., None] * sun_colour
    ridge = HORIZON - 0.07 * noise(x[0] * 4, np.zeros(WIDTH), 3) * np.clip(1.4 - np.abs(x[0] - 0.35) * 2.2, 0, 1)
    hills = np.array([0.02, 0.022, 0.02]) * (0.6 + noise(x * 25, y * 25, 4))[..., None]
    return np.where((y > HORIZON)[..., None], water, np.where((y > ridge)[..., None], hills, light))


def camera(light: np.ndarray) -> np.ndarray:
    """8-bit BT.709 R'G'B' of linear light."""
    x = np.clip(light, 0, 1)
    signal = np.where(x < 0.018, 4.5 * x, 1.099 * x**0.45 - 0.099)
    return np.round(signal * 255).astype(np.uint8)


def sound(frames: int) -> np.ndarray:
    """Surf: filtered noise that swells, mono 16 bit."""
    count = frames * AUDIO_RATE // RATE
    white = np.random.default_rng(5).normal(size=count + 64)
    soft = np.convolve(white, np.ones(64) / 64, mode="valid")[:count]
    swell = 0.6 + 0.4 * np.sin(2 * math.pi * np.arange(count) / AUDIO_RATE / 1.7)
    return (soft * swell * 12000).astype(np.int16)[None]


def main(path: str) -> None:
    with av.open(path, "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"crf": "16", "preset": "slow"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context = video.codec_context
        context.color_primaries = context.color_trc = context.colorspace = context.color_range = 1
        audio = container.add_stream("aac", rate=AUDIO_RATE, layout="mono")
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(camera(scene(index / RATE)), "rgb24")
            frame = frame.reformat(format="yuv420p", src_colorspace=1, dst_colorspace=1, dst_color_range=1)
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(video.encode(frame))
        samples = av.AudioFrame.from_ndarray(sound(FRAMES), format="s16", layout="mono")
        samples.sample_rate, samples.pts, samples.time_base = AUDIO_RATE, 0, Fraction(1, AUDIO_RATE)
        fifo = av.AudioFifo()
        fifo.write(samples)
        while block := fifo.read(1024, partial=True):
            container.mux(audio.encode(block))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


if __name__ == "__main__":
    main(sys.argv[1])
