#!/usr/bin/env python3
"""Makes conv-vae.json: five training steps of a small convolutional VAE, and what it encodes and decodes, computed by PyTorch.

Run (on Debian 12: apt-get install python3-torch):   /usr/bin/python3 tests/golden/make_conv_vae.py
Made with Python 3.11.2, PyTorch 1.13.1 (Debian 1.13.1+dfsg-4, reports 1.13.0a0) and NumPy 1.24.2, in float64 from initial weights that
are exact in float32. The module below is `train --arch conv --channels 3,6 --dense 7 --latent 2` for images of 6 x 5 pixels: its state_dict
has the names and axes of model.safetensors.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

FILE = Path(__file__).resolve().parent / "conv-vae.json"
STEPS, COUNT, ROWS, COLUMNS, LATENT, DENSE = 5, 4, 6, 5, 2, 7
LEARNING_RATE = 1e-2


class ConvVae(nn.Module):
    def __init__(self):
        super().__init__()
        halved = {"kernel_size": 3, "stride": 2, "padding": 1}
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 3, **halved), nn.ReLU(), nn.Conv2d(3, 6, **halved), nn.ReLU(),
            nn.Flatten(), nn.Linear(6 * 2 * 2, DENSE), nn.ReLU(),
        )  # fmt: skip
        self.mu = nn.Linear(DENSE, LATENT)
        self.logvar = nn.Linear(DENSE, LATENT)
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, DENSE), nn.ReLU(), nn.Linear(DENSE, 6 * 2 * 2), nn.ReLU(), nn.Unflatten(1, (6, 2, 2)),
            nn.ConvTranspose2d(6, 6, **halved, output_padding=(0, 0)), nn.ReLU(),
            nn.ConvTranspose2d(6, 3, **halved, output_padding=(1, 0)), nn.ReLU(),
            nn.ConvTranspose2d(3, 1, 3, padding=1),
        )  # fmt: skip

    def encode(self, x):
        h = self.encoder(x)
        return self.mu(h), self.logvar(h)

    def decode(self, z):
        return self.decoder(z)


def main():
    torch.manual_seed(3)
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (COUNT, 1, ROWS, COLUMNS), dtype=np.uint8)
    eps = rng.standard_normal((STEPS, COUNT, LATENT)).astype(np.float32)
    z = rng.standard_normal((3, LATENT)).astype(np.float32)
    model = ConvVae()
    short = lambda t: [float(str(np.float32(v))) for v in t.detach().reshape(-1).tolist()]
    named = lambda: [{"name": n, "shape": list(p.shape), "data": short(p)} for n, p in model.named_parameters()]
    initial = named()
    model = model.double()
    x = torch.from_numpy((images / np.float32(255)).astype(np.float32)).double()
    mu, logvar = model.encode(x)
    pixels = torch.sigmoid(model.decode(torch.from_numpy(z).double()))
    seen = {"mu": short(mu), "logvar": short(logvar), "pixels": short(pixels)}
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    losses = []
    for step in range(STEPS):
        mu, logvar = model.encode(x)
        logits = model.decode(mu + torch.from_numpy(eps[step]).double() * torch.exp(0.5 * logvar))
        bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / COUNT
        kld = -0.5 * (1 + logvar - mu**2 - torch.exp(logvar)).sum() / COUNT
        optimizer.zero_grad()
        (bce + kld).backward()
        optimizer.step()
        losses.append({"bce": bce.item(), "kld": kld.item()})
    golden = {
        "rows": ROWS, "columns": COLUMNS, "learningRate": LEARNING_RATE, "images": images.reshape(-1).tolist(),
        "eps": short(torch.from_numpy(eps)), "z": short(torch.from_numpy(z)), "initial": initial, **seen,
        "losses": losses, "weights": named(),
    }  # fmt: skip
    FILE.write_text(json.dumps(golden, separators=(",", ":")) + "\n", encoding="utf-8")
    print(losses)


if __name__ == "__main__":
    main()
