"""Small landscapes, drawn from a number, as PNG files."""

from __future__ import annotations

import hashlib
import struct
import zlib
from functools import lru_cache

import numpy as np

WIDTH, HEIGHT = 240, 160
COUNT = 12
"""Different ones."""


@lru_cache(maxsize=4)
def pictures(seed: int) -> tuple[tuple[str, bytes], ...]:
    """Return (content hash, bytes) of the pictures of a life."""
    drawn = [_png(_landscape(np.random.default_rng([seed, n, 3]))) for n in range(COUNT)]
    return tuple((hashlib.sha256(data).hexdigest(), data) for data in drawn)


def _landscape(chance: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    down = np.linspace(0, 1, HEIGHT)[:, None, None]
    top, low = chance.integers(60, 200, 3), chance.integers(170, 256, 3)
    image = np.repeat(top * (1 - down) + low * down, WIDTH, axis=1)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    sun = (
        chance.integers(30, WIDTH - 30),
        chance.integers(20, HEIGHT // 2),
        chance.integers(8, 18),
    )
    image[(x - sun[0]) ** 2 + (y - sun[1]) ** 2 < sun[2] ** 2] = (255, 240, 200)
    for hill in range(3):
        edge = HEIGHT * (0.5 + 0.15 * hill) + 9 * np.sin(
            np.arange(WIDTH) / chance.uniform(14, 40) + chance.uniform(0, 6)
        )
        colour = np.array([60, 110, 80]) * (1 - 0.22 * hill) + chance.integers(-18, 18, 3)
        image[y >= edge[None, :]] = np.clip(colour, 0, 255)
    return image.astype(np.uint8)


def _png(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
