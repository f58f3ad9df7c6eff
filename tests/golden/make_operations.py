#!/usr/bin/env python3
"""Makes operations.json: two hundred training steps of small models of many operations and optimizers, computed by PyTorch.

Run (on Debian 12: apt-get install python3-torch):   /usr/bin/python3 tests/golden/make_operations.py
Made with Python 3.11.2, PyTorch 1.13.1 (Debian 1.13.1+dfsg-4, reports 1.13.0a0) and NumPy 1.24.2. Running it again on
the same machine gives the same bytes; another CPU or version may change the last digits.

Every step sees the same batch of 16 rows: x (16, 8) in [0, 1], tokens and labels (16). The losses are means over the batch
of sums over a row. The models:
    classifier: s = Linear(x) + Embedding(tokens), logits = Linear(GELU(LayerNorm(s)) * tanh(s)), cross-entropy over the labels
    autoencoder: Linear, SiLU, Linear, GELU in its form with tanh, Linear, and one of these losses on x:
        squared_error, gaussian (sigma 0.3), gaussian_learned (one log sigma^2 for all), gaussian_heads (a log sigma^2 for every
        pixel, from the same product as the means), bernoulli (from logits)
    images: s = Linear(x) as images of 3 x 3 pixels with 4 channels, side by side; t = SiLU(GroupNorm(s, 2 groups)), three times as
        large (nearest), averaged over 2 x 2 pixels without the last row and column, GroupNorm(1 group), Linear, cross-entropy
A learning rate follows torch.optim.lr_scheduler.LambdaLR with the factor that the case's schedule says, as
src/kernels/step-schedule.ts defines it. Weight decay goes for matrices and tables, not for biases, layer norms and log sigma^2.

No operation has a kink, where rounding alone could switch a slope. What is stored comes from the run in float64. The batch
and the initial weights are exact in float32. `float32Difference` is the largest |float32 - float64| of each quantity over
float32 runs that differ only in the order of the rows, that is in the order of the sums: a measure of what float32 itself
costs, from which the test derives its tolerances.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

FILE = Path(__file__).resolve().parent / "operations.json"
STEPS = 200
EVERY = 10
ROWS = 16
WIDTH = 8
ORDERS = 8

CASES = {
    "classifier, adam, warm-up": {
        "model": "classifier",
        "learningRate": 3e-3,
        "schedule": {"kind": "warmup", "steps": 30},
        "seed": 1,
    },
    "classifier, adamw, cosine": {
        "model": "classifier",
        "learningRate": 1e-2,
        "weightDecay": 0.1,
        "schedule": {"kind": "cosine", "steps": 200, "warmup": 10},
        "seed": 2,
    },
    "classifier, adamw, clipped": {
        "model": "classifier",
        "learningRate": 3e-3,
        "weightDecay": 0.05,
        "maxNorm": 0.4,
        "seed": 3,
    },
    "squared error, adam": {"model": "squared_error", "learningRate": 3e-3, "seed": 4},
    "gaussian, adam, cosine": {
        "model": "gaussian",
        "learningRate": 3e-3,
        "schedule": {"kind": "cosine", "steps": 250},
        "seed": 5,
    },
    "gaussian learned, adamw, clipped, cosine": {
        "model": "gaussian_learned",
        "learningRate": 3e-3,
        "weightDecay": 0.02,
        "maxNorm": 3,
        "schedule": {"kind": "cosine", "steps": 200, "warmup": 20},
        "seed": 6,
    },
    "gaussian heads, adam": {"model": "gaussian_heads", "learningRate": 2e-3, "seed": 7},
    "bernoulli, adam": {"model": "bernoulli", "learningRate": 3e-3, "seed": 8},
    "images, adam": {"model": "images", "learningRate": 3e-3, "seed": 9},
}


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(WIDTH, 12)
        self.embedding = nn.Embedding(5, 12)
        self.norm = nn.LayerNorm(12)
        self.out = nn.Linear(12, 4)

    def loss(self, batch):
        s = self.inp(batch["x"]) + self.embedding(batch["tokens"])
        logits = self.out(F.gelu(self.norm(s)) * torch.tanh(s))
        return F.cross_entropy(logits, batch["labels"])


class Autoencoder(nn.Module):
    SIGMA = 0.3

    def __init__(self, likelihood):
        super().__init__()
        self.likelihood = likelihood
        self.first = nn.Linear(WIDTH, 6)
        self.second = nn.Linear(6, 3)
        self.last = nn.Linear(3, 2 * WIDTH if likelihood == "gaussian_heads" else WIDTH)
        if likelihood == "gaussian_learned":
            self.logvar = nn.Parameter(torch.zeros(1))

    def loss(self, batch):
        x = batch["x"]
        hidden = self.second(F.silu(self.first(x)))
        pred = self.last(F.gelu(hidden, approximate="tanh"))
        if self.likelihood == "squared_error":
            return F.mse_loss(pred, x, reduction="sum") / len(x)
        if self.likelihood == "bernoulli":
            return F.binary_cross_entropy_with_logits(pred, x, reduction="sum") / len(x)
        if self.likelihood == "gaussian":
            logvar = torch.full_like(pred, 2 * math.log(self.SIGMA))
        elif self.likelihood == "gaussian_learned":
            logvar = self.logvar.expand_as(pred)
        else:
            pred, logvar = pred.chunk(2, dim=1)
        return -torch.distributions.Normal(pred, torch.exp(0.5 * logvar)).log_prob(x).sum() / len(x)


class Images(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(WIDTH, 3 * 3 * 4)
        self.norm1 = nn.GroupNorm(2, 4)
        self.norm2 = nn.GroupNorm(1, 4)
        self.out = nn.Linear(4 * 4 * 4, 4)

    def loss(self, batch):
        s = self.inp(batch["x"]).reshape(-1, 3, 3, 4).permute(0, 3, 1, 2)
        t = F.interpolate(F.silu(self.norm1(s)), scale_factor=3, mode="nearest")
        pooled = self.norm2(F.avg_pool2d(t, 2)).permute(0, 2, 3, 1)
        return F.cross_entropy(self.out(pooled.flatten(1)), batch["labels"])


def model_of(config):
    if config["model"] == "classifier":
        return Classifier()
    return Images() if config["model"] == "images" else Autoencoder(config["model"])


def factor(schedule, done):
    """The factor of the learning rate after so many steps."""
    if schedule is None:
        return 1
    if schedule["kind"] == "warmup":
        return min(1, (done + 1) / schedule["steps"])
    warmup = schedule.get("warmup", 0)
    if done < warmup:
        return (done + 1) / warmup
    return (1 + math.cos(math.pi * (done - warmup) / (schedule["steps"] - warmup))) / 2


def is_decayed(name):
    return name.endswith("weight") and not name.startswith("norm")


def draw_batch():
    rng = np.random.default_rng(7)
    return {
        "x": rng.random((ROWS, WIDTH), dtype=np.float32),
        "tokens": rng.integers(0, 5, ROWS),
        "labels": rng.integers(0, 4, ROWS),
    }


def run(config, batch, initial, dtype, order):
    model = model_of(config).to(dtype)
    model.load_state_dict(initial)
    named = dict(model.named_parameters())
    groups = [
        {"params": [p for name, p in named.items() if is_decayed(name)], "weight_decay": config.get("weightDecay", 0)},
        {"params": [p for name, p in named.items() if not is_decayed(name)], "weight_decay": 0},
    ]
    kind = torch.optim.AdamW if "weightDecay" in config else torch.optim.Adam
    optimizer = kind(groups, lr=config["learningRate"])
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: factor(config.get("schedule"), done))
    data = {name: torch.from_numpy(values[order]) for name, values in batch.items()}
    data["x"] = data["x"].to(dtype)
    losses = []
    for step in range(STEPS):
        loss = model.loss(data)
        optimizer.zero_grad()
        loss.backward()
        if "maxNorm" in config:
            nn.utils.clip_grad_norm_(model.parameters(), config["maxNorm"])
        optimizer.step()
        scheduler.step()
        if step % EVERY == 0 or step == STEPS - 1:
            losses.append(loss.item())
    return {"losses": losses, "weights": {name: p.detach() for name, p in named.items()}}


def rounded(value):
    return float(f"{value:.3g}")


def make(config, batch):
    torch.manual_seed(config["seed"])
    initial = model_of(config).state_dict()
    orders = [np.random.default_rng(seed).permutation(ROWS) for seed in range(ORDERS)]
    exact = run(config, batch, initial, torch.float64, np.arange(ROWS))
    runs = [run(config, batch, initial, torch.float32, order) for order in orders]
    difference = {
        "losses": rounded(max(abs(a - b) for r in runs for a, b in zip(r["losses"], exact["losses"]))),
        "weights": {
            name: rounded(max((r["weights"][name].double() - p).abs().max().item() for r in runs))
            for name, p in exact["weights"].items()
        },
    }
    named = lambda tensors: [
        {"name": name, "shape": list(t.shape), "data": t.double().reshape(-1).tolist()} for name, t in tensors.items()
    ]
    return {
        "config": config,
        "initial": named(initial),
        "losses": exact["losses"],
        "weights": named(exact["weights"]),
        "float32Difference": difference,
    }


def main():
    # One thread: the order of every sum, and so every bit, stays the same from run to run.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    batch = draw_batch()
    cases = {name: make(config, batch) for name, config in CASES.items()}
    golden = {
        "steps": STEPS,
        "every": EVERY,
        "batch": {name: values.tolist() for name, values in batch.items()},
        "cases": cases,
    }
    FILE.write_text(json.dumps(golden, separators=(",", ":")).replace('"config"', '\n"config"') + "\n", encoding="utf-8")
    for name, case in cases.items():
        losses = case["losses"]
        print(f"{name}: loss {losses[0]:.6f} -> {losses[-1]:.6f}, float32 costs {case['float32Difference']}")


if __name__ == "__main__":
    main()
