"""PyTorch's and ONNX Runtime's side of the benchmark's networks.

`main.rs` starts it: `pytorch_reference.py --serve pytorch --width 16 --side 128 --batch 16 --mode input_gradient`. The
network is torchvision's ResNet (ImageNet stem, batch norm in evaluation mode, 3/2/1 max-pool), its weights frozen.
`forward` runs in `torch.inference_mode`; `input_gradient` is the forward pass and the gradient of one logit, summed over
the batch, with respect to the images. ONNX Runtime gets the same network, exported.
"""

import argparse
import io
import warnings

import torch
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
        net(images)


def input_gradient(net, images):
    images = images.detach().requires_grad_(True)
    torch.autograd.grad(net(images)[:, 0].sum(), images)


def session(net, images, threads):
    """ONNX Runtime on the exported network, and the images as it takes them."""
    import onnxruntime

    model = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is the older one
        torch.onnx.export(net, images, model, input_names=["images"], dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    run = onnxruntime.InferenceSession(model.getvalue(), options, providers=["CPUExecutionProvider"]).run
    return lambda: run(None, {"images": images.numpy()})


def main():
    from serving import serve

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", choices=["pytorch", "onnxruntime"], default="pytorch")
    parser.add_argument("--depth", type=int, default=18, choices=sorted(CONFIGS))
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mode", choices=["forward", "input_gradient"], default="forward")
    args = parser.parse_args()

    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    net = NarrowResNet(args.depth, args.width, classes=10).eval().requires_grad_(False)
    images = torch.rand(args.batch, 3, args.side, args.side)
    if args.serve == "onnxruntime":
        work = session(net, images, args.threads)
    elif args.mode == "forward":
        work = lambda: forward(net, images)
    else:
        work = lambda: input_gradient(net, images)
    serve(lambda: work() and None)


if __name__ == "__main__":
    main()
