"""Which scenes are learned from and which are validated on, and what tells one such division from another."""

import hashlib
from collections import Counter
from collections.abc import Sequence

from ..errors import InputError
from ..scenes.families import family, lot
from .scenes import Scene

_ONE_IN = 8
"""About one scene in so many is held back for validation."""


def split(scenes: Sequence[Scene]) -> tuple[tuple[Scene, ...], tuple[Scene, ...]]:
    """Training and validation scenes: about one in eight is held back, and a family never divided.

    Families are held back by lot, as far as they fit; so further scenes hardly move those that were there.

    Raises:
        InputError: all scenes are of one family, or there are none.
    """
    sizes = Counter(family(scene.name) for scene in scenes)
    if len(sizes) < 2:
        place = ", ".join(sizes)
        raise InputError(f"all scenes are of one place ({place}), by name; the scores need another: give --validation")
    held_back, room = set[str](), max(1, round(len(scenes) / _ONE_IN))
    for name in sorted(sizes, key=lot):
        if sizes[name] <= room:
            held_back.add(name)
            room -= sizes[name]
    held_back = held_back or {min(sizes, key=sizes.__getitem__)}
    learned = tuple(scene for scene in scenes if family(scene.name) not in held_back)
    return learned, tuple(scene for scene in scenes if family(scene.name) in held_back)


def pixels_hash(scene: Scene) -> str:
    """SHA-256 of the size and pixels of a scene, whatever its name, hexadecimal."""
    digest = hashlib.sha256(repr(tuple(scene.light.shape)).encode())
    digest.update(scene.light.numpy().tobytes())
    return digest.hexdigest()


def without_copies(scenes: Sequence[Scene], held_back: Sequence[Scene]) -> tuple[tuple[Scene, ...], tuple[str, ...]]:
    """Scenes to learn from that are neither held back nor there twice, and a line for each that is left out."""
    seen = {pixels_hash(scene): scene.name for scene in held_back}
    kept, left_out = [], []
    for scene in scenes:
        key = pixels_hash(scene)
        if key in seen:
            left_out.append(f"{scene.name}: the same picture as {seen[key]}, left out")
        else:
            seen[key] = scene.name
            kept.append(scene)
    return tuple(kept), tuple(left_out)


def data_hash(scenes: Sequence[Scene], held_back: Sequence[Scene]) -> str:
    """SHA-256, hexadecimal, of what is learned from and what is validated on, in order: tells trainings apart."""
    roles = [("learned", scene) for scene in scenes] + [("validated", scene) for scene in held_back]
    lines = [f"{role} {scene.name} {pixels_hash(scene)}" for role, scene in roles]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
