#!/usr/bin/env python3
"""Makes convolutions.json: ten training steps of a small convolutional autoencoder, computed by PyTorch.

Run (on Debian 12: apt-get install python3-torch):   /usr/bin/python3 tests/golden/make_convolutions.py
Made with Python 3.11.2, PyTorch 1.13.1 (Debian 1.13.1+dfsg-4, reports 1.13.0a0) and NumPy 1.24.2.

Twelve images of 8 x 6 pixels are one batch, in every step the same: x = bytes / 255, rounded to float32.
    Conv2d(1, 4, 3, stride 2, padding 1), SiLU, Conv2d(4, 6, 2), SiLU, ConvTranspose2d(6, 4, 2), SiLU,
    ConvTranspose2d(4, 1, 3, stride 2, padding 1, output_padding 1), and the sum of squared errors, mean over the batch; Adam.

No operation has a kink. What is stored comes from the run in float64; `float32Difference` is the largest |float32 - float64| over
float32 runs that differ in the order of the images, that is of the sums.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

FILE = Path(__file__).resolve().parent / "convolutions.json"
STEPS = 10
COUNT, ROWS, COLUMNS = 12, 8, 6
LEARNING_RATE = 1e-2
ORDERS = 8


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, stride=2, padding=1)
        self.second = nn.Conv2d(4, 6, 2)
        self.third = nn.ConvTranspose2d(6, 4, 2)
        self.last = nn.ConvTranspose2d(4, 1, 3, stride=2, padding=1, output_padding=1)

    def loss(self, x):
        silu = nn.functional.silu
        pred = self.last(silu(self.third(silu(self.second(silu(self.first(x)))))))
        return ((pred - x) ** 2).sum() / len(x)


def run(images, initial, dtype, order):
    model = Autoencoder().to(dtype)
    model.load_state_dict(initial)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    x = torch.from_numpy((images[order] / np.float32(255)).astype(np.float32)).to(dtype)
    losses = []
    for _ in range(STEPS):
        loss = model.loss(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {"losses": losses, "weights": {name: p.detach() for name, p in model.named_parameters()}}


def rounded(value):
    return float(f"{value:.3g}")


def main():
    torch.set_num_threads(1)
    torch.manual_seed(1)
    images = np.random.default_rng(7).integers(0, 256, (COUNT, 1, ROWS, COLUMNS), dtype=np.uint8)
    initial = Autoencoder().state_dict()
    exact = run(images, initial, torch.float64, np.arange(COUNT))
    orders = [np.random.default_rng(seed).permutation(COUNT) for seed in range(ORDERS)]
    runs = [run(images, initial, torch.float32, order) for order in orders]
    named = lambda tensors: [
        {"name": name, "shape": list(t.shape), "data": t.double().reshape(-1).tolist()} for name, t in tensors.items()
    ]
    golden = {
        "rows": ROWS,
        "columns": COLUMNS,
        "learningRate": LEARNING_RATE,
        "images": images.reshape(-1).tolist(),
        "initial": named(initial),
        "losses": exact["losses"],
        "weights": named(exact["weights"]),
        "float32Difference": {
            "losses": rounded(max(abs(a - b) for r in runs for a, b in zip(r["losses"], exact["losses"]))),
            "weights": {
                name: rounded(max((r["weights"][name].double() - p).abs().max().item() for r in runs))
                for name, p in exact["weights"].items()
            },
        },
    }
    FILE.write_text(json.dumps(golden, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"loss {exact['losses'][0]:.6f} -> {exact['losses'][-1]:.6f}, float32 costs {golden['float32Difference']}")


if __name__ == "__main__":
    main()
