"""PyTorch's contender. Arguments: the folder with images.f32, layers.f32 and task.json, cpu or cuda, and eager or graph.

With graph, steps after the first few are replays of one step that was captured as a CUDA graph.

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

folder, device, captures = Path(sys.argv[1]), torch.device(sys.argv[2]), sys.argv[3] == "graph"
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
# One kernel for all parameters on a GPU; PyTorch 1.13 has none for the CPU.
optimizer = torch.optim.Adam(model.parameters(), lr=task["learningRate"], fused=device.type == "cuda" or None, capturable=captures)
images = numbers("images.f32").view(-1, batch, encoder[0].in_features).to(device)


def train_on(x):
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


class Eager:
    step = 0

    def __call__(self):
        x = images[self.step % len(images)]
        self.step += 1
        return train_on(x)


class Graph(Eager):
    """As PyTorch's documentation says: some steps on a stream beside the default one, then the capture."""

    warm_up_steps = 3

    def __init__(self):
        self.x = images[0].clone()
        self.stream = torch.cuda.Stream()
        self.graph = None

    def __call__(self):
        if self.step < self.warm_up_steps:
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                loss = super().__call__()
            torch.cuda.current_stream().wait_stream(self.stream)
            return loss
        if self.graph is None:
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.loss = train_on(self.x)
        self.x.copy_(images[self.step % len(images)])
        self.step += 1
        self.graph.replay()
        return self.loss


train_step = Graph() if captures else Eager()


def answer(value):
    print(json.dumps(value), flush=True)


train_step().item()
maps = Path("/proc/self/maps")
loaded = maps.read_text().lower() if maps.exists() else ""
blas = next((name for name in ("openblas", "mkl_rt", "libmkl", "blis", "libblas") if name in loaded), "built in")
note = f"{torch.__version__} {device.type}" + (", CUDA graph" if captures else "") + (f", {torch.get_num_threads()} threads, BLAS: {blas}" if device.type == "cpu" else "")
answer({"firstStepMs": 1000 * (time.perf_counter() - START), "note": note})
for line in sys.stdin:
    steps, losses, start = int(line), [], time.perf_counter()
    for done in range(1, steps + 1):
        loss = train_step()
        if done % read_every == 0:
            losses.append(loss.item())
    answer({"steps": steps, "ms": 1000 * (time.perf_counter() - start), "losses": losses})
