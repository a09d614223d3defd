"""The nets of the bench as PyTorch users write them: NCHW, ReLU before pooling.

Each has the layers and the number of parameters of Aconite's net of the same name.
"""

import torch.nn.functional as F
from torch import nn


class SmallCnn(nn.Module):
    """Two convolutions, each pooled by 2, then 128 units: the common example for MNIST."""

    def __init__(self, channels=1, side=28, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1 = nn.Linear(64 * (side // 4) ** 2, 128)
        self.fc2 = nn.Linear(128, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc2(x)


class ConvNorm(nn.Sequential):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, inner, outer):
        super().__init__(
            nn.Conv2d(inner, outer, 3, padding=1, bias=False),
            nn.BatchNorm2d(outer),
            nn.ReLU(),
        )


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(ConvNorm(width, width), ConvNorm(width, width))

    def forward(self, x):
        return x + self.body(x)


def resnet9(channels=3, classes=10):
    """Page's nine layers with 32-64-128-128 channels, as notebooks write them."""
    return nn.Sequential(
        ConvNorm(channels, 32),
        nn.Sequential(ConvNorm(32, 64), nn.MaxPool2d(2)),
        Residual(64),
        nn.Sequential(ConvNorm(64, 128), nn.MaxPool2d(2)),
        nn.Sequential(ConvNorm(128, 128), nn.MaxPool2d(2)),
        Residual(128),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(128, classes),
    )


class PreActBlock(nn.Module):
    """The block of He et al. 2016b in the form that is common for CIFAR-10."""

    def __init__(self, inner, outer, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv1 = nn.Conv2d(inner, outer, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outer)
        self.conv2 = nn.Conv2d(outer, outer, 3, padding=1, bias=False)
        if stride != 1 or inner != outer:
            self.shortcut = nn.Conv2d(inner, outer, 1, stride=stride, bias=False)

    def forward(self, x):
        out = F.relu(self.bn1(x))
        shortcut = self.shortcut(out) if hasattr(self, "shortcut") else x
        out = self.conv1(out)
        out = self.conv2(F.relu(self.bn2(out)))
        return out + shortcut


class PreActResNet18(nn.Module):
    def __init__(self, channels=3, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        widths = [64, 64, 128, 256, 512]
        blocks = []
        for stage in range(4):
            inner, outer = widths[stage], widths[stage + 1]
            blocks += [PreActBlock(inner, outer, 1 if stage == 0 else 2), PreActBlock(outer, outer, 1)]
        self.blocks = nn.Sequential(*blocks)
        self.bn = nn.BatchNorm2d(512)
        self.linear = nn.Linear(512, classes)

    def forward(self, x):
        out = F.relu(self.bn(self.blocks(self.conv1(x))))
        out = F.adaptive_avg_pool2d(out, 1).flatten(1)
        return self.linear(out)


# The class and the shape of an image by name.
NETS = {
    "small_cnn": (SmallCnn, (1, 28, 28)),
    "resnet9": (resnet9, (3, 32, 32)),
    "preact_resnet18": (PreActResNet18, (3, 32, 32)),
}
