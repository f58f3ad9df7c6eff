#!/usr/bin/env python3
"""Loads a model.safetensors into PyTorch, decodes latents with it, and writes the model back as PyTorch would.

Run: python3 interchange.py model.safetensors z.json pixels.json written.safetensors
Uses Hugging Face's package `safetensors` where it is installed, else the few lines below, which follow the format's
description and share nothing with the program under test. Prints which of the two it was.
"""

import json
import struct
import sys

import torch
from torch import nn

try:
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file
except ImportError:
    safe_open = load_file = save_file = None


def read(path):
    if load_file:
        with safe_open(path, framework="pt") as file:
            return load_file(path), file.metadata()
    with open(path, "rb") as file:
        data = bytearray(file.read())
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32"
        begin, end = entry["data_offsets"]
        tensors[name] = torch.frombuffer(data[8 + length + begin : 8 + length + end], dtype=torch.float32).reshape(
            entry["shape"]
        )
    return tensors, metadata


def write(path, tensors):
    if save_file:
        save_file(tensors, path, metadata={"format": "pt"})
        return
    header, blobs, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name in sorted(tensors):
        blob = tensors[name].contiguous().numpy().tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": list(tensors[name].shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def stack(widths):
    """Linear layers with a ReLU between each two: encoder.0, encoder.2, ..."""
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return layers


class Vae(nn.Module):
    def __init__(self, pixels, hidden, latent):
        super().__init__()
        last = hidden[-1] if hidden else pixels
        self.encoder = nn.Sequential(*stack([pixels, *hidden]))
        self.mu = nn.Linear(last, latent)
        self.logvar = nn.Linear(last, latent)
        self.decoder = nn.Sequential(*stack([latent, *reversed(hidden), pixels])[:-1])


def main(model_path, z_path, pixels_path, written_path):
    tensors, metadata = read(model_path)
    config = json.loads(metadata["config"])
    model = Vae(config["rows"] * config["columns"], config["hidden"], config["latent"])
    model.load_state_dict(tensors, strict=True)
    with open(z_path) as file:
        z = torch.tensor(json.load(file)).reshape(-1, config["latent"])
    with torch.no_grad():
        pixels = torch.sigmoid(model.decoder(z))
    with open(pixels_path, "w") as file:
        json.dump(pixels.flatten().tolist(), file)
    write(written_path, model.state_dict())
    print(f"PyTorch {torch.__version__}, {'Hugging Face safetensors' if load_file else 'own reader'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
