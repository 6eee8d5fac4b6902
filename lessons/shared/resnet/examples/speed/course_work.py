"""The pieces of `solutions/examples/course_work.rs`, as one would write them in PyTorch.

    course_work.py PIECE SCENES CHECKPOINT --threads 2

SCENES is the file that the other side wrote: pixels, then classes, a byte each. Values that the two sides can share are
compared by the benchmark.
"""

import argparse
import json
import math

import numpy as np
import torch
import torch.nn.functional as F
from pytorch_reference import NarrowResNet
from serving import serve

SITES = ["conv1", "layer1", "layer2", "layer3", "layer4"]
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
AXES = torch.tensor([[0.4792, 0.5567, -0.1604], [0.6247, -0.0313, 0.3712], [0.6165, -0.4011, -0.2515]])


def normalize(images):
    return (images - MEAN) / DEVIATION


class Scenes:
    """Scenes that were drawn beforehand."""

    def __init__(self, path, count, side):
        data = np.fromfile(path, dtype=np.uint8)
        size = count * 3 * side * side
        self.pixels = torch.from_numpy(data[:size].reshape(count, 3, side, side))
        self.labels = torch.from_numpy(data[size:].astype(np.int64))

    def batches(self, size):
        """Images in [0, 1] and classes."""
        for pixels, labels in zip(self.pixels.split(size), self.labels.split(size)):
            yield pixels.float() / 255, labels


def load(path):
    """The network of a safetensors file: a length, a JSON header, the numbers."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    header.pop("__metadata__", None)
    kinds = {"F32": np.float32, "I64": np.int64}
    state = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        values = np.frombuffer(data[start:end], dtype=kinds[entry["dtype"]])
        state[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
    net = NarrowResNet(18, 16, classes=10)
    net.load_state_dict(state, strict=False)
    return net.eval().requires_grad_(False)


def watch(net, sites):
    """Hooks that keep the latest activation of each site."""
    seen = {}
    for site in sites:
        net.get_submodule(site).register_forward_hook(lambda _, __, out, site=site: seen.__setitem__(site, out))
    return seen


def statistics(net, scenes):
    """Count, mean, deviation, minimum and maximum of each site, batches merged; the last site's mean."""
    seen = watch(net, SITES)

    @torch.inference_mode()
    def work():
        count, mean, squares = (dict.fromkeys(SITES, 0.0) for _ in range(3))
        low, high = dict.fromkeys(SITES, math.inf), dict.fromkeys(SITES, -math.inf)
        for images, _ in scenes.batches(50):
            net(normalize(images))
            for site in SITES:
                values = seen[site]
                variance, new = torch.var_mean(values, correction=0)
                n, difference = values.numel(), new.item() - mean[site]
                total = count[site] + n
                squares[site] += variance.item() * n + difference**2 * count[site] * n / total
                mean[site] += difference * n / total
                count[site] = total
                least, most = torch.aminmax(values)
                low[site], high[site] = min(low[site], least.item()), max(high[site], most.item())
        return mean[SITES[-1]]

    return work


def maximization(net, _):
    """Waves, Adam, transformations and total variation, 256 steps on 128x128; the objective at the end."""
    side, steps = 128, 256
    seen = watch(net, ["layer4"])
    down, right = torch.fft.fftfreq(side).abs(), torch.fft.rfftfreq(side)
    frequency = torch.sqrt(down[:, None] ** 2 + right[None, :] ** 2).clamp_min(1 / side)

    def paint(spectrum):
        image = torch.fft.irfft2(torch.view_as_complex(spectrum) / frequency, s=(side, side), norm="ortho")
        return torch.sigmoid(torch.einsum("ij,bjhw->bihw", AXES, image))

    def wobble(images):
        angle, scale = 0.15 * (2 * torch.rand(1).item() - 1), 1 + 0.1 * (2 * torch.rand(1).item() - 1)
        cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
        grid = F.affine_grid(torch.tensor([[[cos, -sin, 0.0], [sin, cos, 0.0]]]), images.shape, align_corners=True)
        turned = F.grid_sample(images, grid, padding_mode="border", align_corners=True)
        return torch.roll(turned, torch.randint(-8, 9, (2,)).tolist(), (2, 3))

    def total_variation(images):
        here = images[:, :, :-1, :-1]
        across, below = images[:, :, :-1, 1:] - here, images[:, :, 1:, :-1] - here
        return (torch.sqrt(across**2 + below**2 + 1e-6) - 1e-3).mean()

    def objective(images):
        net(normalize(images))
        return seen["layer4"][:, 3].mean()

    def work():
        torch.manual_seed(1)
        spectrum = (0.04 * torch.rand(1, 3, side, side // 2 + 1, 2) - 0.02).requires_grad_(True)
        adam = torch.optim.Adam([spectrum], lr=0.05)
        for _ in range(steps):
            image = paint(spectrum)
            loss = 2.0 * total_variation(image) - objective(wobble(image))
            adam.zero_grad()
            loss.backward()
            adam.step()
        with torch.no_grad():
            return objective(paint(spectrum)).item()

    return work


def attribution(net, scenes):
    """Grad-CAM at layer4 and saliency; the means of the maps, added."""
    seen = watch(net, ["layer4"])

    def work():
        total = 0.0
        for images, labels in scenes.batches(10):
            images = normalize(images).requires_grad_(True)
            score = net(images).gather(1, labels[:, None]).sum()
            gradient, = torch.autograd.grad(score, seen["layer4"])
            maps = F.relu((seen["layer4"].detach() * gradient.mean((2, 3), keepdim=True)).sum(1))
            total += maps.mean().item()
            score = net(images).gather(1, labels[:, None]).sum()
            gradient, = torch.autograd.grad(score, images)
            total += gradient.abs().amax(1).mean().item()
        return total

    return work


def features(net, scenes):
    """Each site averaged over height and width; the mean of the last one's."""
    seen = watch(net, SITES)

    @torch.inference_mode()
    def work():
        rows = {site: [] for site in SITES}
        for images, _ in scenes.batches(50):
            net(normalize(images))
            for site in SITES:
                rows[site].append(seen[site].mean((2, 3)))
        return {site: torch.cat(parts) for site, parts in rows.items()}[SITES[-1]].mean().item()

    return work


def training(_, scenes):
    """Twenty steps of AdamW on 32 scenes each, from fresh weights."""

    def work():
        torch.manual_seed(1)
        net = NarrowResNet(18, 16, classes=10).train()
        decayed = [p for p in net.parameters() if p.ndim > 1]
        others = [p for p in net.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
        adam = torch.optim.AdamW(groups, lr=4e-3 / 25)
        schedule = torch.optim.lr_scheduler.OneCycleLR(adam, 4e-3, total_steps=40, pct_start=0.25)
        for images, labels in scenes.batches(32):
            loss = F.cross_entropy(net(normalize(images)), labels)
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()

    return work


SCENES = {
    statistics: (2000, 128),
    maximization: None,
    attribution: (500, 224),
    features: (1500, 128),
    training: (640, 128),
}


def main():
    pieces = {piece.__name__: piece for piece in SCENES}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("piece", choices=pieces)
    parser.add_argument("scenes")
    parser.add_argument("checkpoint")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    piece = pieces[args.piece]
    scenes = SCENES[piece] and Scenes(args.scenes, *SCENES[piece])
    serve(piece(load(args.checkpoint), scenes))


if __name__ == "__main__":
    main()
