"""Where FFmpeg's pixel formats keep their samples.

Written out here because PyAV does not show it, and swscale can't be trusted with it: of FFmpeg
8.1's conversions between formats of one depth, p010, p016 and yuyv422 are wrong for odd sizes,
and rgb565 comes out with white at 248.
"""

import re
from dataclasses import dataclass
from functools import cache

_PLANAR = re.compile(r"(?P<family>yuvj?|yuva|gbra?|gray)(?:4\d\d)?p?(?P<depth>\d\d?)?")

# Per plane the words that repeat along a row, each by the component it holds; any other letter is not read.
_PATTERNS = {
    "yuv": ("y", "u", "v"),
    "yuvj": ("y", "u", "v"),
    "yuva": ("y", "u", "v", "a"),
    "gbr": ("g", "b", "r"),
    "gbra": ("g", "b", "r", "a"),
    "gray": ("y",),
}

# Bit depth, unused bits below a sample in its word, patterns.
_PACKED: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "nv20": (10, 0, ("y", "uv")),
    "ayuv64": (16, 0, ("ayuv",)),
    "ya16": (16, 0, ("ya",)),
    "y210": (10, 6, ("yuyv",)),
    "y212": (12, 4, ("yuyv",)),
    "y216": (16, 0, ("yuyv",)),
    "xv36": (12, 4, ("uyvx",)),
    "xv48": (16, 0, ("uyvx",)),
    **dict.fromkeys(("nv12", "nv16", "nv24"), (8, 0, ("y", "uv"))),
    **dict.fromkeys(("nv21", "nv42"), (8, 0, ("y", "vu"))),
    **{name: (8, 0, (name[:4],)) for name in ("yuyv422", "yvyu422", "uyvy422", "ayuv", "uyva", "vuya", "vuyx")},
    **{name: (8, 0, (name,)) for name in ("rgba", "bgra", "argb", "abgr", "rgb0", "bgr0", "0rgb", "0bgr")},
    **{name: (8, 0, (name.rstrip("0123456789"),)) for name in ("rgb24", "bgr24", "vyu444", "ya8")},
    **{name: (16, 0, (name[:-2],)) for name in ("rgb48", "bgr48", "rgba64", "bgra64")},
    **{f"p{chroma}{bits}": (bits, 16 - bits, ("y", "uv")) for chroma in (0, 2, 4) for bits in (10, 12, 16)},
}

# Components in one word: its bits, and (lowest bit, bits) of each in the order of our planes.
_BIT_FIELDS: dict[str, tuple[str, int, tuple[tuple[int, int], ...]]] = {
    "x2rgb10": ("rgb", 32, ((20, 10), (10, 10), (0, 10))),
    "x2bgr10": ("rgb", 32, ((0, 10), (10, 10), (20, 10))),
    "xv30": ("yuv", 32, ((10, 10), (0, 10), (20, 10))),
    "v30x": ("yuv", 32, ((12, 10), (2, 10), (22, 10))),
    "rgb565": ("rgb", 16, ((11, 5), (5, 6), (0, 5))),
    "bgr565": ("rgb", 16, ((0, 5), (5, 6), (11, 5))),
    "rgb555": ("rgb", 16, ((10, 5), (5, 5), (0, 5))),
    "bgr555": ("rgb", 16, ((0, 5), (5, 5), (10, 5))),
    "rgb444": ("rgb", 16, ((8, 4), (4, 4), (0, 4))),
    "bgr444": ("rgb", 16, ((0, 4), (4, 4), (8, 4))),
}

_INDEXED = {"pal8": "rgb", "monow": "y", "monob": "y"}


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """What a pixel format holds, and where.

    Attributes:
        pixel_format: FFmpeg's name.
        components: "yuv", "rgb" or "y", in the order of our planes.
        bit_depth: of our planes, 8 to 16; where a component has fewer bits, it is widened to 8.
        word: NumPy's name of a word, with its byte order.
        patterns: per plane of FFmpeg's the words that repeat along a row; empty for bit fields,
            palettes and bitmaps.
        shift: unused bits below a sample in its word.
        fields: (lowest bit, bits) of each component where one word holds them all.
    """

    pixel_format: str
    components: str
    bit_depth: int
    word: str
    patterns: tuple[str, ...] = ()
    shift: int = 0
    fields: tuple[tuple[int, int], ...] = ()

    @property
    def is_rgb(self) -> bool:
        """Whether the planes are R′, G′, B′."""
        return self.components == "rgb"

    @property
    def is_grey(self) -> bool:
        """Whether there is no colour."""
        return self.components == "y"

    @property
    def has_alpha(self) -> bool:
        """Whether there is opacity too."""
        return any("a" in pattern for pattern in self.patterns)

    @property
    def is_full_range(self) -> bool:
        """Whether the format's name itself says full range (the yuvj formats)."""
        return self.pixel_format.startswith("yuvj")


@cache
def pixel_layout(pixel_format: str) -> PixelLayout | None:
    """The layout of FFmpeg's pixel format, or None where it can't be read.

    None are those that no SDR video comes in (float, XYZ, Bayer, above 16 bits, hardware surfaces),
    and a few that no decoder puts out.
    """
    name = pixel_format.removesuffix("le").removesuffix("be")
    order = ">" if pixel_format.endswith("be") else "<"
    if name in _INDEXED:
        return PixelLayout(pixel_format, _INDEXED[name], 8, "u1")
    if name in _BIT_FIELDS:
        components, bits, fields = _BIT_FIELDS[name]
        return PixelLayout(pixel_format, components, max(8, fields[0][1]), f"{order}u{bits // 8}", fields=fields)
    if name in _PACKED:
        depth, shift, patterns = _PACKED[name]
    elif planar := _PLANAR.fullmatch(name):
        depth, shift, patterns = int(planar["depth"] or 8), 0, _PATTERNS[planar["family"]]
    else:
        return None
    if not 8 <= depth <= 16:
        return None
    letters = "".join(patterns)
    components = next(c for c in ("yuv", "rgb", "y") if set(c) <= set(letters))
    return PixelLayout(pixel_format, components, depth, "u1" if depth == 8 else f"{order}u2", patterns, shift)
