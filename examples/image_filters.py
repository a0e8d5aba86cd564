"""Decodes, blurs and encodes images, in arrays that whoever calls brings along."""

import io

import numpy as np
from PIL import Image


def open_image(data):
    """The image of a file's bytes, of which only the head is read. Raises `PIL.UnidentifiedImageError` for anything else."""
    return Image.open(io.BytesIO(data), formats=["JPEG", "PNG"])


def decode(image, pixels):
    """Decodes into the array, which has height, width and three colours."""
    pixels[...] = np.asarray(image.convert("RGB"))
    return pixels


def blur(pixels, radius):
    """A Gaussian blur in place, first across and then down, which is the same as both at once."""
    distances = np.arange(-radius, radius + 1)
    weights = np.exp(-2 * (distances / radius) ** 2, dtype="f4")
    weights /= weights.sum()
    height, width, _ = pixels.shape
    padded = np.pad(pixels, ((radius, radius), (radius, radius), (0, 0)), mode="edge").astype("f4")
    across = sum(weight * padded[:, at : at + width] for at, weight in enumerate(weights))
    down = sum(weight * across[at : at + height] for at, weight in enumerate(weights))
    np.rint(down, out=pixels, casting="unsafe")


def encode(pixels):
    """The array as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=4)
    return file.getvalue()


def address(pixels):
    """Where in memory the array is."""
    return hex(pixels.ctypes.data)
