"""PyTorch's contender, eager. Arguments: the folder with images.f32, layers.f32 and task.json, and cpu or cuda.

Speaks as child.ts does: a line of JSON after the first step, then one for every number of steps that comes in.
"""

import json
import os
import sys
import time
from pathlib import Path

START = time.perf_counter()

import torch
from torch import nn
from torch.nn import functional as F

folder, device = Path(sys.argv[1]), torch.device(sys.argv[2])
task = json.loads((folder / "task.json").read_text())
torch.set_num_threads(os.cpu_count() or 1)
batch, read_every, latent = task["batch"], task["readEvery"], task["latent"]


def numbers(name):
    return torch.frombuffer(bytearray((folder / name).read_bytes()), dtype=torch.float32)


def layers():
    """The layers in the order of task.json: for each its weight (outputs, inputs), then its bias."""
    flat, at, made = numbers("layers.f32"), 0, []
    for inputs, outputs in task["layers"]:
        layer = nn.Linear(inputs, outputs)
        with torch.no_grad():
            for parameter in (layer.weight, layer.bias):
                parameter.copy_(flat[at : at + parameter.numel()].view_as(parameter))
                at += parameter.numel()
        made.append(layer)
    return nn.ModuleList(made).to(device)


model = layers()
encoder, (heads,), decoder = model[: task["encoderLayers"]], model[task["encoderLayers"] :][:1], model[task["encoderLayers"] + 1 :]
optimizer = torch.optim.Adam(model.parameters(), lr=task["learningRate"])
images = numbers("images.f32").view(-1, batch, encoder[0].in_features).to(device)
step = 0


def train_step():
    global step
    x = images[step % len(images)]
    step += 1
    hidden = x
    for layer in encoder:
        hidden = F.relu(layer(hidden))
    mu, logvar = heads(hidden).split(latent, dim=1)
    out = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    for layer in decoder[:-1]:
        out = F.relu(layer(out))
    bce = F.binary_cross_entropy_with_logits(decoder[-1](out), x, reduction="sum")
    kld = 0.5 * torch.sum(mu.square() + logvar.exp() - logvar - 1)
    loss = (bce + kld) / batch
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def answer(value):
    print(json.dumps(value), flush=True)


train_step().item()
maps = Path("/proc/self/maps")
loaded = maps.read_text().lower() if maps.exists() else ""
blas = next((name for name in ("openblas", "mkl_rt", "libmkl", "blis", "libblas") if name in loaded), "built in")
note = f"{torch.__version__} {device.type}" + (f", {torch.get_num_threads()} threads, BLAS: {blas}" if device.type == "cpu" else "")
answer({"firstStepMs": 1000 * (time.perf_counter() - START), "note": note})
for line in sys.stdin:
    steps, losses, start = int(line), [], time.perf_counter()
    for done in range(1, steps + 1):
        loss = train_step()
        if done % read_every == 0:
            losses.append(loss.item())
    answer({"steps": steps, "ms": 1000 * (time.perf_counter() - start), "losses": losses})
