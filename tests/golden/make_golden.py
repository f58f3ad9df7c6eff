#!/usr/bin/env python3
"""Makes the golden runs, <name>.json: a few training steps of a small VAE, computed by PyTorch.

Run (on Debian 12: apt-get install python3-torch):   /usr/bin/python3 tests/golden/make_golden.py [name ...]
Made with Python 3.11.2, PyTorch 1.13.1 (Debian 1.13.1+dfsg-4, reports 1.13.0a0) and NumPy 1.24.2. Running it again on
the same machine gives the same bytes; another CPU or version may change the last digits.

The model, with D = rows * columns pixels x = byte / 255 and hidden layers in reverse order in the decoder:
    encoder = Sequential(Linear, ReLU, ...), mu = Linear, logvar = Linear, z = mu + exp(logvar / 2) * eps,
    decoder = Sequential(Linear, ReLU, ..., Linear), logits = decoder(z)
    loss = bce + beta * kld, both in nats per image, mean over the batch:
    bce  = sum over pixels of binary cross-entropy from logits,
    kld  = sum over latents of (mu^2 + exp(logvar) - 1 - logvar) / 2.
The optimizer is torch.optim.Adam with its defaults but for the learning rate.

What is stored comes from the run in float64. Bytes, eps and initial weights are exact in float32, so an engine in
float32 starts from the same numbers. `float32Difference` is the largest |float32 - float64| of each quantity over
float32 runs of the same ten steps that differ only in the order of the images within each batch, that is in the
order of the sums: a measure of what float32 itself costs, from which tests derive their tolerances.

Every array is stored flat, row-major, with its shape; weights are (out, in). A case with "sample" n keeps its file small:
of an array of more than 256 numbers only every n-th is stored, to 11 digits, and its initial weights are not stored, since
`initial_values` and `testValues` of src/check/check.ts both make them.
"""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

FOLDER = Path(__file__).resolve().parent
STEPS = 10
# Float32 runs per case, so that one lucky order of summation does not decide the difference.
MAX_ORDERS = 8
# No hidden unit may be this near to the kink of its ReLU: there rounding alone would switch the gradient on or off,
# and a right engine could fail. The seeds of the cases below are chosen so that this holds. With many units one is always
# near, so a large model gets few steps, in which little rounding adds up, and a smaller distance.
MIN_KINK_DISTANCE = 5e-4
SMALL_KINK_DISTANCE = 2e-5
SAMPLED_ABOVE = 256

CASES = {
    "two-layers": {
        "rows": 4,
        "columns": 5,
        "hidden": [13, 7],
        "latent": 3,
        "batch": 5,
        "steps": STEPS,
        "learningRate": 1e-3,
        "beta": 1,
        "seed": 236,
    },
    "one-layer": {
        "rows": 3,
        "columns": 3,
        "hidden": [6],
        "latent": 1,
        "batch": 3,
        "steps": STEPS,
        "learningRate": 1e-2,
        "beta": 4,
        "seed": 152,
    },
    # Every size a multiple of four.
    "fours": {
        "rows": 4,
        "columns": 4,
        "hidden": [24, 12],
        "latent": 8,
        "batch": 4,
        "steps": STEPS,
        "learningRate": 1e-3,
        "beta": 1,
        "seed": 125,
        "sample": 3,
    },
    # A layer of 128 x 128, and sums of more than 128.
    "wide": {
        "rows": 12,
        "columns": 12,
        "hidden": [128, 128],
        "latent": 4,
        "batch": 8,
        "steps": 3,
        "learningRate": 1e-3,
        "beta": 2,
        "seed": 9,
        "sample": 127,
    },
}


def sequential(sizes, final_relu):
    """Linear layers joined by ReLU, numbered 0, 2, 4, ... as PyTorch names their parameters."""
    layers = []
    for fan_in, fan_out in zip(sizes, sizes[1:]):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*(layers if final_relu else layers[:-1]))


class Vae(nn.Module):
    def __init__(self, pixels, hidden, latent):
        super().__init__()
        width = hidden[-1]
        self.encoder = sequential([pixels, *hidden], final_relu=True)
        self.mu = nn.Linear(width, latent)
        self.logvar = nn.Linear(width, latent)
        self.decoder = sequential([latent, *reversed(hidden), pixels], final_relu=False)

    def losses(self, x, eps, beta):
        """(loss, bce, kld) for x (B, D) and eps (B, latent)."""
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * eps
        logits = self.decoder(z)
        bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        kld = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum() / len(x)
        return bce + beta * kld, bce, kld


def draw_inputs(config):
    """Bytes (steps, batch, D) with black, white and grey pixels, and eps (steps, batch, latent) in float32."""
    rng = np.random.default_rng(config["seed"])
    shape = (config["steps"], config["batch"], config["rows"] * config["columns"])
    ink = rng.choice(3, size=shape, p=[0.4, 0.2, 0.4])
    images = np.where(ink == 0, 0, np.where(ink == 1, 255, rng.integers(1, 255, size=shape))).astype(np.uint8)
    # A pixel that is always black, like the border of a digit: its weights have gradient, m and v exactly 0, and
    # Adam must leave them where they are. One image of the first batch is all black.
    images[:, :, 0] = 0
    images[0, 1, :] = 0
    eps = rng.standard_normal((*shape[:2], config["latent"]), dtype=np.float32)
    return images, eps


def initial_state(config):
    """PyTorch's default initialization, drawn in float32, or numbers that need not be stored."""
    torch.manual_seed(config["seed"])
    state = Vae(config["rows"] * config["columns"], config["hidden"], config["latent"]).state_dict()
    return initial_values(state) if "sample" in config else state


def initial_values(state):
    """`testValues` of src/check/check.ts, seeded from 1 on, times the power of two that is at most 1 / sqrt(fan_in)."""
    values = {}
    for index, (name, tensor) in enumerate(state.items()):
        fan_in = state[name.replace("bias", "weight")].shape[1]
        bits = ((index + 1) * 0x9E3779B9 + 1) & 0xFFFFFFFF
        numbers = np.empty(tensor.numel(), dtype=np.float32)
        for i in range(numbers.size):
            bits ^= (bits << 13) & 0xFFFFFFFF
            bits ^= bits >> 17
            bits ^= (bits << 5) & 0xFFFFFFFF
            numbers[i] = (bits >> 8) / 2**23 - 1
        scale = 2.0 ** -np.ceil(np.log2(np.sqrt(fan_in)))
        values[name] = torch.from_numpy(numbers * np.float32(scale)).reshape(tensor.shape)
    return values


def run(config, images, eps, initial, dtype, order=None):
    """Trains for all steps in dtype; order permutes the images within each batch, which changes only rounding."""
    model = Vae(config["rows"] * config["columns"], config["hidden"], config["latent"]).to(dtype)
    model.load_state_dict(initial)
    optimizer = torch.optim.Adam(model.parameters(), lr=config["learningRate"])

    kink_distances = []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda _, inp, __: kink_distances.append(inp[0].abs().min().item()))

    order = list(range(config["batch"])) if order is None else list(order)
    history, gradients = [], {}
    for step in range(config["steps"]):
        x = torch.from_numpy(images[step, order]).to(dtype) / 255
        losses = model.losses(x, torch.from_numpy(eps[step, order]).to(dtype), config["beta"])
        optimizer.zero_grad()
        losses[0].backward()
        if step == 0:
            gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
        optimizer.step()
        history.append([term.item() for term in losses])

    parameters = dict(model.named_parameters())
    loss, bce, kld = (list(term) for term in zip(*history))
    return {
        "loss": {"loss": loss, "bce": bce, "kld": kld},
        "tensors": {
            "gradients": gradients,
            "weights": {name: p.detach() for name, p in parameters.items()},
            "m": {name: optimizer.state[p]["exp_avg"] for name, p in parameters.items()},
            "v": {name: optimizer.state[p]["exp_avg_sq"] for name, p in parameters.items()},
        },
        "kinkDistance": min(kink_distances),
    }


def differences(exact, runs):
    """The largest |float32 - float64| over all runs: per loss term, and per tensor of each kind."""

    def largest(values):
        return float(f"{max(values):.3g}")

    result = {
        term: largest(abs(a - b) for r in runs for a, b in zip(r["loss"][term], values))
        for term, values in exact["loss"].items()
    }
    for kind, tensors in exact["tensors"].items():
        result[kind] = {
            name: largest((r["tensors"][kind][name].double() - t).abs().max().item() for r in runs)
            for name, t in tensors.items()
        }
    return result


def flat(array):
    return {"shape": list(array.shape), "data": array.reshape(-1).tolist()}


def named(tensors, sample=None):
    if sample is None:
        return [{"name": name, **flat(t.double())} for name, t in tensors.items()]
    result = []
    for name, tensor in tensors.items():
        every = sample if tensor.numel() > SAMPLED_ABOVE else 1
        data = [float(f"{value:.11g}") for value in tensor.double().reshape(-1)[::every].tolist()]
        result.append({"name": name, "shape": list(tensor.shape), "every": every, "data": data})
    return result


def make(config):
    images, eps = draw_inputs(config)
    initial = initial_state(config)
    exact = run(config, images, eps, initial, torch.float64)
    sample = config.get("sample")
    least = MIN_KINK_DISTANCE if config["steps"] == STEPS else SMALL_KINK_DISTANCE
    if not exact["kinkDistance"] >= least:
        raise SystemExit(
            f"make_golden: a hidden unit is {exact['kinkDistance']:.1e} from the kink of its ReLU, "
            f"expected at least {least}: take another seed"
        )
    orders = list(itertools.permutations(range(config["batch"])))
    # Permutations come sorted, so a stride through them also moves the first images.
    stride = max(1, len(orders) // MAX_ORDERS)
    runs = [run(config, images, eps, initial, torch.float32, order) for order in orders[::stride][:MAX_ORDERS]]
    return {
        "config": config,
        "images": flat(images),
        "eps": flat(eps.astype(np.float64)),
        "initial": (
            named(initial) if sample is None else [{"name": n, "shape": list(t.shape)} for n, t in initial.items()]
        ),
        **exact["loss"],
        **{kind: named(tensors, sample) for kind, tensors in exact["tensors"].items()},
        "float32Difference": differences(exact, runs),
    }


def main():
    # One thread: the order of every sum, and so every bit, stays the same from run to run.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name, config in CASES.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        golden = make(config)
        compact = ",\n".join(f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in golden.items())
        (FOLDER / f"{name}.json").write_text("{\n" + compact + "\n}\n", encoding="utf-8")
        difference = golden["float32Difference"]
        print(f"{name}: loss {golden['loss'][0]:.6f} -> {golden['loss'][-1]:.6f}, float32 costs {difference['loss']}")


if __name__ == "__main__":
    main()
