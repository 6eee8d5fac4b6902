"""PyTorch's time for the network that the Rust benchmark measures.

    python pytorch_reference.py --width 16 --size 128 --batch 16 --threads 2 --mode input_gradient --runs 20

prints one line of JSON; `median_ms` and `min_ms` are milliseconds per image. The network is torchvision's ResNet
(ImageNet stem, batch norm in evaluation mode, 3/2/1 max-pool), its weights frozen. `forward` runs in
`torch.inference_mode`; `input_gradient` is the forward pass and the gradient of one logit, summed over the batch, with
respect to the images.
"""

import argparse
import json
import statistics
import time

import torch
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

CONFIGS = {18: (BasicBlock, [2, 2, 2, 2]), 34: (BasicBlock, [3, 4, 6, 3]), 50: (Bottleneck, [3, 4, 6, 3])}


class NarrowResNet(ResNet):
    """torchvision's ResNet with `width` channels, instead of 64, in its stem and its first layer."""

    def __init__(self, depth, width, classes):
        block, blocks = CONFIGS[depth]
        self.width = width
        super().__init__(block, blocks)
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.fc = nn.Linear(8 * width * block.expansion, classes)

    def _make_layer(self, block, planes, *args, **kwargs):
        if planes == 64:
            self.inplanes = self.width
        return super()._make_layer(block, planes * self.width // 64, *args, **kwargs)


def forward(net, images):
    with torch.inference_mode():
        return net(images)


def input_gradient(net, images):
    images = images.detach().requires_grad_(True)
    return torch.autograd.grad(net(images)[:, 0].sum(), images)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depth", type=int, default=18, choices=sorted(CONFIGS))
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mode", choices=["forward", "input_gradient"], default="forward")
    parser.add_argument("--runs", type=int, default=20)
    args = parser.parse_args()

    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    net = NarrowResNet(args.depth, args.width, classes=10).eval().requires_grad_(False)
    images = torch.rand(args.batch, 3, args.size, args.size)
    step = {"forward": forward, "input_gradient": input_gradient}[args.mode]

    for _ in range(3):
        step(net, images)
    times = []
    for _ in range(args.runs):
        start = time.perf_counter()
        step(net, images)
        times.append((time.perf_counter() - start) * 1e3 / args.batch)
    print(
        json.dumps(
            {
                **vars(args),
                "median_ms": round(statistics.median(times), 4),
                "min_ms": round(min(times), 4),
                "torch": torch.__version__,
                "torchvision": torchvision.__version__,
                "cpu_capability": torch.backends.cpu.get_cpu_capability(),
            }
        )
    )


if __name__ == "__main__":
    main()
